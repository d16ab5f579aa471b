package main

import (
	"errors"
	"fmt"
	"math"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"supervise/internal/api"
	"supervise/internal/config"
	"supervise/internal/control"
	"supervise/internal/guard"
	"supervise/internal/http1"
)

// office is where a running `up` can be spoken to.
type office struct {
	server  *control.Server
	doors   doors
	http    *http1.Server
	pages   *http1.Server     // the metrics on a TCP address
	rules   config.Supervisor // that are in force
	ended   chan struct{}
	hups    chan struct{}         // holds one element when HUP asked for a reload
	pending atomic.Bool           // one of these is being served
	allow   atomic.Pointer[[]int] // uids that may speak to us, beside root and our own
}

// doors are where an office will be reached; made before anything is started.
type doors struct {
	socket  *control.Listener // nil: none
	metrics net.Listener      // nil: none
}

// listen makes the control socket, and listens where the metrics are to be,
// before anything is started: that another supervise has this configuration in
// hand is a reason not to.
func (f *upFlags) listen(cfg *config.Config, path string) (d doors, err error) {
	if d.socket, err = f.listenLocally(cfg, path); err != nil {
		return d, err
	}
	if address := cfg.Supervisor.Metrics; address != "" {
		if d.metrics, err = net.Listen("tcp", address); err != nil {
			d.close()
			if errors.Is(err, unix.EADDRINUSE) {
				return d, fmt.Errorf("supervisor.metrics: something else listens at %s already; name another port", address)
			}
			return d, fmt.Errorf("supervisor.metrics: %w", err)
		}
	}
	return d, nil
}

func (f *upFlags) listenLocally(cfg *config.Config, path string) (*control.Listener, error) {
	explicit := f.socket
	where, err := control.SocketPath(explicit, path)
	if where == control.None {
		return nil, nil
	}
	var l *control.Listener
	if err == nil {
		l, err = control.Listen(where, socketMode(&cfg.Supervisor))
	}
	if err != nil && explicit == "" && !control.InUse(err) {
		// A read-only file system, say. Nobody asked for a socket.
		fmt.Fprintln(os.Stderr, "supervise: warning: no control socket:", err)
		return nil, nil
	}
	return l, err
}

// close gives up what nobody will answer at.
func (d doors) close() {
	if d.socket != nil {
		d.socket.Close()
		d.socket.Remove()
	}
	if d.metrics != nil {
		d.metrics.Close()
	}
}

// socketMode lets those in who are listed; who they are is checked when they
// come.
func socketMode(rules *config.Supervisor) os.FileMode {
	if len(rules.AllowUIDs) > 0 {
		return 0o666
	}
	return 0o600
}

// open begins to answer.
func (f *upFlags) open(p *parts) *office {
	absolute, err := filepath.Abs(p.path)
	if err != nil {
		absolute = p.path
	}
	o := &office{doors: p.doors, ended: make(chan struct{}), hups: make(chan struct{}, 1)}
	o.admit(&p.config.Supervisor)
	o.server = control.NewServer(control.Server{
		Loop: p.loop, Ended: o.ended, Events: p.history, Metrics: p.counts.Write, Output: &p.output.reader, Files: p.output.files,
		Load: func() (*config.Config, error) { return f.readAgain(p.path, p.config) },
		Prepare: func(cfg *config.Config) error {
			if p.dir != nil {
				if err := p.dir.prepare(cfg); err != nil {
					return err
				}
			}
			return p.sockets.Apply(cfg.Services)
		},
		Reloaded: func(cfg *config.Config) {
			o.admit(&cfg.Supervisor)
			p.output.update(cfg)
			names := map[string]bool{}
			for i := range cfg.Services {
				names[cfg.Services[i].Name] = true
			}
			p.counts.Keep(math.MaxUint64, names)
		},
		Reexec: func(w *http1.Writer, r *http1.Request, binary string) { f.replace(p, w, r, binary) },
		Info:   api.Info{Version: version, PID: os.Getpid(), Config: absolute, Since: p.since, Replaced: p.replaced},
	})
	guard.Go(o.reloads)
	if p.doors.socket != nil {
		p.loop.Attend()
	}
	o.serve()
	return o
}

// serve begins to answer.
func (o *office) serve() {
	o.http, o.pages = http1.NewServer(o.server.Handle), http1.NewServer(o.server.HandleMetrics)
	o.http.Allow = func(p http1.Peer) bool { return p.Known && control.Allowed(p.UID, *o.allow.Load()) }
	for _, s := range []*http1.Server{o.http, o.pages} {
		s.MaxConns = mostConns()
	}
	serve := func(s *http1.Server, l net.Listener, what string) {
		guard.Go(func() {
			if err := s.Serve(l); err != nil {
				fmt.Fprintf(os.Stderr, "supervise: the %s has failed: %v\n", what, err)
			}
		})
	}
	if o.doors.socket != nil {
		serve(o.http, o.doors.socket, "control socket")
	}
	if o.doors.metrics != nil {
		serve(o.pages, o.doors.metrics, "address of the metrics")
	}
}

// mostConns leaves most descriptors for what supervise is there for.
func mostConns() int {
	const most, share = 64, 8
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil || limit.Cur > most*share {
		return most
	}
	return max(int(limit.Cur)/share, 2)
}

// admit lets in whom a configuration lists.
func (o *office) admit(rules *config.Supervisor) {
	o.rules = *rules
	uids := rules.UIDs()
	o.allow.Store(&uids)
	socket := o.doors.socket
	if socket == nil {
		return
	}
	if err := socket.Admit(socketMode(rules)); err != nil {
		fmt.Fprintln(os.Stderr, "supervise: warning: allow_uids:", err)
	}
	if dir := control.Closed(socket.Path()); dir != "" && len(rules.AllowUIDs) > 0 {
		fmt.Fprintf(os.Stderr, "supervise: warning: allow_uids: other users do not get to the control socket %s, since %s lets nobody else pass; name a socket elsewhere with --socket\n",
			socket.Path(), dir)
	}
}

// readAgain reads the configuration again, and warns of what in it has to wait for
// another supervise.
func (f *upFlags) readAgain(path string, was *config.Config) (*config.Config, error) {
	load, started := f.load, was.Supervisor
	if was.Directory != nil && !f.runsvdir { // and may be empty now
		load = config.LoadServices
	}
	cfg, err := load(path)
	if err != nil {
		return nil, err
	}
	for _, key := range config.Deferred(&started, &cfg.Supervisor) {
		cfg.Warnings = append(cfg.Warnings, config.Error{Position: config.Position{File: path}, Key: key,
			Msg: "is not what supervise was started with, and a reload does not change it", Hint: "start supervise anew for it to take effect"})
	}
	return cfg, nil
}

// reload is for HUP: it does not wait. Of those that come before the
// configuration is read one is enough.
func (o *office) reload() {
	select {
	case o.hups <- struct{}{}:
	default:
	}
}

// reloadPending says whether a reload was asked for so that is not done.
func (o *office) reloadPending() bool { return len(o.hups) > 0 || o.pending.Load() }

// reloads serves those reloads. There is nobody to answer: what there is to say
// goes where it went at the start.
func (o *office) reloads() {
	for {
		o.pending.Store(false)
		select {
		case <-o.hups:
			o.pending.Store(true)
		case <-o.ended:
			return
		}
		_, answer := o.server.Reload(false)
		for _, warning := range answer.Warnings {
			fmt.Fprintln(os.Stderr, "supervise: warning:", warning)
		}
		for _, err := range answer.Errors {
			fmt.Fprintln(os.Stderr, err)
		}
	}
}

// lastAnswers bounds how long those who wait for an answer can hold up the end.
const lastAnswers = time.Second

// close answers what can be answered, and hangs up.
func (o *office) close() {
	close(o.ended)
	o.http.Drain(lastAnswers)
	o.http.Close()
	o.pages.Close()
	if o.doors.socket != nil {
		o.doors.socket.Remove()
	}
}

// historySize is how many events `supervise events` can tell of: with a hundred
// services, the last hours of a quiet day.
const historySize = 2048
