// Package launch turns the configuration of a service into what execve(2)
// needs: program, arguments, environment, user, descriptors.
//
// What a fork in Go can't set (resource limits, umask, nice, ignored
// signals, …) is set by a short step in the child, which is our own binary
// executed under another name, see [Setup]. Only services that ask for such
// things take it; it costs them the start of one more program.
package launch

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"supervise/internal/config"
	"supervise/internal/reaper"
	"supervise/internal/signals"
	"supervise/internal/tree"
)

// Launcher knows what all starts of one supervise share.
type Launcher struct {
	environ []string         // what a child gets of our own environment
	ignored []signals.Signal // what our own caller had ignored, and a child should too
	self    string           // our own binary
	marks   bool             // tell each child to which service it belongs
}

// ForServices prepares to launch services: programs of their own, which get
// our environment less what concerns us.
func ForServices(d signals.Dispositions) *Launcher {
	return &Launcher{environ: without(os.Environ(), private), ignored: d.Ignored, self: ownBinary(), marks: true}
}

// ForProgram prepares to launch the one program that we stand in front of. It
// gets what our caller meant for it, readiness socket and all.
func ForProgram(d signals.Dispositions) *Launcher {
	environ := without(os.Environ(), nil)
	if mark, ok := os.LookupEnv(tree.MarkVariable); ok { // of a supervise further up
		environ = append(environ, tree.MarkVariable+"="+mark)
	}
	return &Launcher{environ: environ, ignored: d.Ignored, self: ownBinary()}
}

// private are the variables that our own manager or caller set for us; a
// service would take them for its own (sd_notify(3), sd_listen_fds(3)).
var private = []string{"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES"}

// without leaves out the named variables and our own flags (SUPERVISE_…),
// which would count again for a supervise further down.
func without(environ, names []string) []string {
	var out []string
	for _, e := range environ {
		name, _, _ := strings.Cut(e, "=")
		if !strings.HasPrefix(name, "SUPERVISE_") && !slices.Contains(names, name) {
			out = append(out, e)
		}
	}
	return out
}

// ownBinary is how to execute ourselves once more: not by argv[0], which is
// whatever the caller said. The link in /proc works even when the file was
// deleted or replaced since; "" is unknown.
func ownBinary() string {
	const link = "/proc/self/exe"
	if _, err := os.Readlink(link); err == nil {
		return link
	}
	if path, err := os.Executable(); err == nil {
		return path
	}
	return executedPath()
}

// Executed is the path by which this process was executed, absolute; "": it is not
// known. Another binary may be there by now.
func Executed() string {
	path := executedPath()
	if path == "" || strings.HasPrefix(path, "/proc/") {
		path, _ = os.Executable()
		path = strings.TrimSuffix(path, " (deleted)")
	}
	return path
}

// executedPath is the path that execve(2) was given, which the kernel leaves
// beside the environment (getauxval(3)); for where /proc is missing. "": it
// can't be known.
func executedPath() string {
	const execfn = 31 // AT_EXECFN
	vector, err := unix.Auxv()
	if err != nil {
		return ""
	}
	for _, entry := range vector {
		if entry[0] == execfn {
			path, _ := filepath.Abs(unix.BytePtrToString(*(**byte)(unsafe.Pointer(&entry[1]))))
			return path
		}
	}
	return ""
}

// Session says how a child is set apart from us.
type Session int

// The ways.
const (
	OwnGroup   Session = iota // a process group in our session, for job control
	OwnSession                // a session, without a terminal or with one of its own
)

// Image builds what is needed to start s in t. It reads files, so it runs on
// the thread that forks. Errors are *reaper.StartError.
func (l *Launcher) Image(s *config.Service, t *tree.Tree, given Given, session Session) (reaper.Image, error) {
	files, err := given.files()
	if err != nil {
		return reaper.Image{}, failed(125, err)
	}
	who, err := identify(s)
	if err != nil {
		return reaper.Image{}, failed(125, err)
	}
	env, err := l.environment(s, t, who, given)
	if err != nil {
		return reaper.Image{}, failed(125, err)
	}
	if err := checkDir(s.Dir); err != nil {
		return reaper.Image{}, failed(125, err)
	}
	path, err := lookup(s.Command[0], s.Dir, env)
	if err != nil {
		return reaper.Image{}, err
	}
	image := reaper.Image{Path: path, Argv: s.Command, ProcAttr: syscall.ProcAttr{
		Dir: s.Dir, Env: env, Files: files,
		Sys: &syscall.SysProcAttr{
			Setpgid: session == OwnGroup, Setsid: session == OwnSession,
			Pdeathsig: s.Pdeathsig.Syscall(),
		},
	}}
	if given.Terminal >= 0 {
		image.Sys.Foreground, image.Sys.Ctty = true, given.Terminal
	}
	if given.Control {
		image.Sys.Setctty, image.Sys.Ctty = true, 0
		if who != nil {
			// Else the service could write to its terminal, but not open it.
			if err := unix.Fchown(int(given.In), who.uid, -1); err != nil {
				return reaper.Image{}, failed(125, fmt.Errorf("giving the service its terminal: %w", err))
			}
		}
	}
	if given.Made && who != nil {
		// Many programs open /dev/stderr: what the kernel asks then is whose the
		// pipe is. Where it can't be given away they can still write to what they have.
		for _, fd := range []uintptr{given.Out, given.Err} {
			_ = unix.Fchown(int(fd), who.uid, -1)
		}
	}
	if setup := l.setupFor(s, given.ownPID()); setup != nil {
		if err := setup.wrap(&image, l.self, who); err != nil {
			return reaper.Image{}, failed(125, err)
		}
	} else if who != nil {
		image.Sys.Credential = who.credential()
	}
	if err := intoCgroup(&image, t); err != nil {
		image.Release()
		return reaper.Image{}, failed(125, err)
	}
	return image, nil
}

func failed(status int, err error) error { return &reaper.StartError{Status: status, Err: err} }

func intoCgroup(image *reaper.Image, t *tree.Tree) error {
	fd, err := t.CgroupDescriptor()
	if err != nil {
		return fmt.Errorf("opening the service's cgroup: %w", err)
	}
	if fd < 0 {
		return nil
	}
	image.Sys.UseCgroupFD, image.Sys.CgroupFD = true, fd
	before := image.Close
	image.Close = func() {
		unix.Close(fd)
		if before != nil {
			before()
		}
	}
	return nil
}

// environment is ours, with the home of the service's user, and over that what
// the configuration says, and over that what this start is given; last comes
// what tells its processes apart.
func (l *Launcher) environment(s *config.Service, t *tree.Tree, who *identity, given Given) ([]string, error) {
	env, err := s.Environ(replaced(l.environ, who.environment()))
	env = replaced(env, given.variables())
	if err == nil && l.marks {
		env = append(env, tree.MarkVariable+"="+t.Mark(), "SUPERVISE_SERVICE="+s.Name)
	}
	return env, err
}

// replaced gives env with the variables of by in place of its own.
func replaced(env, by []string) []string {
	out := slices.Clone(by)
	for _, e := range env {
		name, _, _ := strings.Cut(e, "=")
		if !slices.ContainsFunc(by, func(b string) bool { return strings.HasPrefix(b, name+"=") }) {
			out = append(out, e)
		}
	}
	return out
}

func checkDir(dir string) error {
	if dir == "" {
		return nil
	}
	st, err := os.Stat(dir)
	if err != nil {
		return fmt.Errorf("working directory: %w", err)
	}
	if !st.IsDir() {
		return fmt.Errorf("working directory: %s is no directory", dir)
	}
	return nil
}

// lookup finds a program in the PATH of the service. A name with a slash is
// left to execve, which says best what is wrong with it.
func lookup(name, dir string, env []string) (string, error) {
	if name == "" { // an empty variable in a script, most likely
		return "", failed(127, errors.New("the name of the program is empty"))
	}
	if strings.Contains(name, "/") {
		return name, nil
	}
	path, err := config.LookProgram(name, dir, env)
	switch {
	case errors.Is(err, fs.ErrPermission):
		return "", failed(126, err)
	case err != nil:
		return "", failed(127, err)
	case !filepath.IsAbs(path): // execve is not to look in PATH once more
		path = "./" + path
	}
	return path, nil
}
