package supervisor

import (
	"fmt"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"supervise/internal/config"
	"supervise/internal/launch"
	"supervise/internal/reaper"
	"supervise/internal/tree"
)

// stdio opens the standard streams for one start. matched, if not nil, is to be
// called when a line of output matches what makes the service ready.
type stdio = func(s *config.Service, matched func()) (streams launch.Stdio, release func(), err error)

// given is what one start of a main process gets. What the owner has to open is
// open already; the rest is opened on the thread that forks.
type given struct {
	launch.Given
	service int
	spec    *config.Service
	open    []int // descriptors of ours that only the child needs
	matched func()
	err     error // of what the owner had to open
}

// close lets go what the child has its own copies of.
func (g *given) close() {
	for _, fd := range g.open {
		unix.Close(fd)
	}
}

// give prepares what the next run of a service gets: how to say that it is
// ready, its sockets, the descriptors that an earlier run left with us.
func (l *Loop) give(service int, spec *config.Service) *given {
	g := &given{service: service, spec: spec}
	if g.err = l.beside.listen(service, spec, g); g.err != nil {
		g.err = fmt.Errorf("preparing to hear from it: %w", g.err)
	}
	if spec.Ready != nil && spec.Ready.Kind == config.ProbeLog {
		g.matched = func() { l.sendLater(spoke{g}) }
	}
	l.runs[service] = g
	return g
}

// spoke says that a run showed by a line of its output, or by a newline on its
// descriptor, that it is ready.
type spoke struct{ run *given }

func (s spoke) handle(l *Loop) {
	if l.runs[s.run.service] == s.run { // an earlier run's word may come late
		l.set.Apply(s.run.service, IsReady{}, time.Now())
	}
}

// mainImage is what is needed to start a main process in t. It runs on the
// thread that forks.
func (l *Loop) mainImage(g *given, t *tree.Tree) (reaper.Image, error) {
	if g.err != nil {
		g.close()
		return reaper.Image{}, &reaper.StartError{Status: 125, Err: g.err}
	}
	if l.Sockets != nil {
		files, err := l.Sockets.Files(g.spec.Name)
		if err != nil {
			g.close()
			return reaper.Image{}, &reaper.StartError{Status: 125, Err: err}
		}
		g.open = append(g.open, files.FDs...)
		var sockets []launch.Descriptor
		for i, fd := range files.FDs {
			sockets = append(sockets, launch.Descriptor{FD: fd, Name: files.Names[i]})
		}
		g.Listen = append(sockets, g.Listen...)
	}
	streams, release, err := l.Stdio(g.spec, g.matched)
	if err != nil {
		g.close()
		return reaper.Image{}, &reaper.StartError{Status: 125, Err: err}
	}
	g.Stdio = streams
	return l.imageOf(g.spec, t, g.Given, func() { release(); g.close() })
}

// image is what is needed to start a hook or a look in t.
func (l *Loop) image(spec *config.Service, t *tree.Tree, streams stdio) (reaper.Image, error) {
	s, release, err := streams(spec, nil)
	if err != nil {
		return reaper.Image{}, &reaper.StartError{Status: 125, Err: err}
	}
	return l.imageOf(spec, t, launch.Given{Stdio: s}, release)
}

// imageOf calls release when the child has its copies, or there will be none.
func (l *Loop) imageOf(spec *config.Service, t *tree.Tree, g launch.Given, release func()) (reaper.Image, error) {
	image, err := l.Launcher.Image(spec, t, g, l.Session)
	if err != nil {
		release()
		return image, err
	}
	before := image.Close
	image.Close = func() {
		release()
		if before != nil {
			before()
		}
	}
	return image, nil
}

// watchdogEnvironment is sd_watchdog_enabled(3)'s.
func watchdogEnvironment(every time.Duration) string {
	return "WATCHDOG_USEC=" + strconv.FormatInt(every.Microseconds(), 10)
}
