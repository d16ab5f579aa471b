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
	return &Launcher{environ: without(os.Environ(), nil), ignored: d.Ignored, self: ownBinary()}
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
// whatever the caller said.
func ownBinary() string {
	if path, err := os.Readlink("/proc/self/exe"); err == nil && !strings.HasSuffix(path, " (deleted)") {
		return "/proc/self/exe"
	}
	path, _ := os.Executable()
	return path
}

// Stdio is what a child gets as its standard streams, and the terminal whose
// foreground group it becomes (-1: none).
type Stdio struct {
	In, Out, Err uintptr
	Terminal     int
}

// Session says how a child is set apart from us.
type Session int

// The ways.
const (
	OwnGroup   Session = iota // a process group in our session, for job control
	OwnSession                // a session without a terminal
)

// Image builds what is needed to start s in t. It reads files, so it runs on
// the thread that forks. Errors are *reaper.StartError.
func (l *Launcher) Image(s *config.Service, t *tree.Tree, io Stdio, session Session) (reaper.Image, error) {
	env, err := l.environment(s, t)
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
	who, err := identify(s)
	if err != nil {
		return reaper.Image{}, failed(125, err)
	}
	if who != nil {
		env = who.completeEnvironment(env)
	}
	image := reaper.Image{Path: path, Argv: s.Command, ProcAttr: syscall.ProcAttr{
		Dir: s.Dir, Env: env, Files: []uintptr{io.In, io.Out, io.Err},
		Sys: &syscall.SysProcAttr{
			Setpgid: session == OwnGroup, Setsid: session == OwnSession,
			Pdeathsig: s.Pdeathsig.Syscall(),
		},
	}}
	if io.Terminal >= 0 {
		image.Sys.Foreground, image.Sys.Ctty = true, io.Terminal
	}
	if setup := l.setupFor(s); setup != nil {
		if err := setup.wrap(&image, l.self, who); err != nil {
			return reaper.Image{}, failed(125, err)
		}
	} else if who != nil {
		image.Sys.Credential = who.credential()
	}
	if err := intoCgroup(&image, t); err != nil {
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

// environment is ours, then the files, then the service's own; later ones win.
func (l *Launcher) environment(s *config.Service, t *tree.Tree) ([]string, error) {
	var env []string
	if !s.EnvClear {
		env = append(env, l.environ...)
	}
	for _, name := range s.EnvFile {
		path, optional := strings.CutPrefix(name, "-")
		text, err := os.ReadFile(path)
		if optional && errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("env_file: %w; begin its name with \"-\" if it may be missing", err)
		}
		more, err := config.ParseEnv(text)
		if err != nil {
			return nil, fmt.Errorf("env_file %s: %w", path, err)
		}
		env = append(env, more...)
	}
	env = append(env, s.Env...)
	if l.marks {
		env = append(env, tree.MarkVariable+"="+t.Mark(), "SUPERVISE_SERVICE="+s.Name)
	}
	return lastWins(env), nil
}

// lastWins keeps the last entry of each name, in the place of the first.
func lastWins(env []string) []string {
	at := make(map[string]int, len(env))
	out := env[:0:0]
	for _, e := range env {
		name, _, _ := strings.Cut(e, "=")
		if i, seen := at[name]; seen {
			out[i] = e
			continue
		}
		at[name] = len(out)
		out = append(out, e)
	}
	return out
}

func value(env []string, name string) (string, bool) {
	for _, e := range env {
		if v, ok := strings.CutPrefix(e, name+"="); ok {
			return v, true
		}
	}
	return "", false
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

// defaultPath is searched when the environment has no PATH.
const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// lookup finds a program as execvp(3) does, in the PATH of the service. A name
// with a slash is relative to dir.
func lookup(name, dir string, env []string) (string, error) {
	if strings.Contains(name, "/") {
		return name, nil // execve says what is wrong with it
	}
	path, ok := value(env, "PATH")
	if !ok {
		path = defaultPath
	}
	status, problem := 127, fmt.Errorf("%s: not found in PATH (%s)", name, path)
	for _, d := range filepath.SplitList(path) {
		if d == "" {
			d = "."
		}
		candidate := filepath.Join(d, name)
		if !filepath.IsAbs(candidate) {
			candidate = filepath.Join(dir, candidate)
			if !filepath.IsAbs(candidate) {
				candidate = "./" + candidate
			}
		}
		st, err := os.Stat(candidate)
		if err != nil || st.IsDir() {
			continue
		}
		if st.Mode()&0o111 == 0 {
			status, problem = 126, fmt.Errorf("%s: found as %s, but that is not executable", name, candidate)
			continue
		}
		return candidate, nil
	}
	return "", failed(status, problem)
}
