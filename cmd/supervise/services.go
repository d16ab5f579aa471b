package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"supervise/internal/config"
	"supervise/internal/guard"
	"supervise/internal/runit"
	"supervise/internal/signals"
	"supervise/internal/supervisor"
)

// directory is what there is to do about the files of runit, and about the
// directory in which its service directories come and go.
type directory struct {
	config *config.Directory // nil: all services are in a configuration of another kind
	keeper *runit.Keeper
	office *office
	wanted chan struct{} // holds one element when the directory is to be read again
	end    func()
}

// openDirectory takes over the service directories of a configuration, before
// anything is started: that another has one of them in hand is a reason not to.
// Without any it is nil.
func (f *upFlags) openDirectory(cfg *config.Config) (*directory, error) {
	if cfg.Directory == nil && cfg.Supervisor.RunitDir == "" {
		return nil, nil
	}
	keeper, err := runit.NewKeeper()
	if err != nil {
		return nil, exit{exitFailed, err}
	}
	d := newDirectory(cfg.Directory, keeper)
	if f.runsvdir && !cfg.Directory.Lone { // which tries again, too
		return d, d.prepare(cfg)
	}
	for i := range cfg.Services {
		if err := d.take(&cfg.Services[i]); errors.As(err, new(*runit.Locked)) {
			return nil, exit{exitLocked, err}
		} else if err != nil {
			return nil, exit{exitFailed, err}
		}
	}
	return d, nil
}

func newDirectory(config *config.Directory, keeper *runit.Keeper) *directory {
	return &directory{config: config, keeper: keeper, wanted: make(chan struct{}, 1), end: func() {}}
}

// endBy are the signals that end runsvdir(8), with the status that it has then.
func (f *upFlags) endBy() map[signals.Signal]int {
	if !f.runsvdir {
		return nil
	}
	return map[signals.Signal]int{signals.HUP: 111}
}

// take takes over the directory of a service.
func (d *directory) take(s *config.Service) error {
	if d.config == nil { // for a service of TOML: its own place, which looks like runit's
		if err := makePlace(s); err != nil {
			return fmt.Errorf("supervisor.runit_dir: %w", err)
		}
	}
	_, err := d.keeper.Open(s.Runit.Path, s.Name)
	return err
}

// makePlace makes the directory for a service that runit does not know: sv says
// "normally down" of what does not start by itself, which a file tells.
func makePlace(s *config.Service) error {
	if err := os.MkdirAll(s.Runit.Path, 0o755); err != nil {
		return err
	}
	down := s.Runit.Path + "/down"
	if s.Autostart {
		if err := os.Remove(down); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		return nil
	}
	fd, err := unix.Open(down, unix.O_WRONLY|unix.O_CREAT|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0o644)
	if err != nil {
		return &os.PathError{Op: "making", Path: down, Err: err}
	}
	return unix.Close(fd)
}

// again is how soon what is not free yet is looked at again.
// runsvdir(8) starts a runsv that has ended again after a second too.
const again = time.Second

// prepare takes over what is new in a configuration. What another has in hand is
// left out, and tried again.
func (d *directory) prepare(cfg *config.Config) error {
	var without []string
	for i := range cfg.Services {
		s := &cfg.Services[i]
		err := d.take(s)
		if err == nil {
			continue
		}
		if d.config == nil {
			return err
		}
		cfg.Warnings = append(cfg.Warnings, config.Error{Position: s.Where, Msg: "does not run: " + err.Error()})
		without = append(without, s.Name, s.Runit.Reader, s.Runit.Writer)
	}
	if len(without) > 0 {
		cfg.Services = slices.DeleteFunc(cfg.Services, func(s config.Service) bool { return slices.Contains(without, s.Name) })
		time.AfterFunc(again, d.rescan)
	}
	return nil
}

// afterExit is how long a service that was told to exit is gone, if its directory is
// still there. runsvdir(8) looks for such each five seconds, and sv(8), which waits for
// the exit, each 420 ms: on a busy machine it is to see that, too.
const afterExit = 5 * time.Second

// left is told of a service that is gone. It comes again if its directory is still
// there.
func (d *directory) left() {
	if d.config != nil && !d.config.Lone {
		time.AfterFunc(afterExit, d.rescan)
	}
}

// rescan has the directory read again. It does not wait.
func (d *directory) rescan() {
	select {
	case d.wanted <- struct{}{}:
	default:
	}
}

// follow begins to watch the directory. read is when it was read.
func (d *directory) follow(loop *supervisor.Loop, o *office, read time.Time) {
	d.office = o
	if d.config == nil {
		return
	}
	loop.Stay(d.config.Lone)
	if d.config.Lone {
		return
	}
	guard.Go(d.rescans)
	end, err := runit.Watch(d.config.Path, read, d.rescan, func(err error) { d.warn("no new services are seen: " + err.Error()) })
	if err != nil {
		d.warn("no new services are seen: " + err.Error() + "; supervise reload looks for them")
		return
	}
	d.end = end
}

func (d *directory) rescans() {
	told := map[string]bool{} // a warning comes again with each rescan
	for {
		select {
		case <-d.wanted:
		case <-d.office.ended:
			return
		}
		warnings, err := d.office.server.Rescan()
		if err != nil {
			d.warn(err.Error())
		}
		now := map[string]bool{}
		for _, w := range warnings {
			if now[w.Error()] = true; !told[w.Error()] {
				d.warn(w.Error())
			}
		}
		told = now
	}
}

func (d *directory) warn(text string) { fmt.Fprintln(os.Stderr, "supervise: warning:", text) }
