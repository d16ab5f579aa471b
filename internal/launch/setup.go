package launch

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"supervise/internal/config"
	"supervise/internal/reaper"
)

// setupName is argv[0] of our binary when it is to set up a child.
const setupName = "supervise-setup"

// reportFrom is the least number for the descriptor on which the set-up step
// reports a failure. The numbers after the standard streams are not ours: what
// the caller left open there is the program's.
const reportFrom = 64

// reportNumber is a number for it that the fork leaves alone: the child's
// descriptors get theirs by way of numbers above all that are involved, one for
// each and two for Go's own pipe (forkAndExecInChild1 in package syscall).
func reportNumber(files []uintptr) int {
	highest := len(files)
	for _, fd := range files {
		if fd != closed {
			highest = max(highest, int(fd))
		}
	}
	return max(reportFrom, highest+len(files)+3)
}

// setup is what the step in the child has to do, in the order of the fields:
// what needs privileges comes before they are dropped.
type setup struct {
	Umask      int // -1: leave it
	Nice       *int
	OOMScore   *int
	Limits     []config.Limit
	Ignore     []int // signals
	Identity   bool
	UID, GID   int
	Groups     []int
	Dir        string
	NoNewPrivs bool
	Pdeathsig  int
	Parent     int      // whose death that is about
	OwnPID     []string // variables that are to hold our pid, which exec keeps
	Path       string
	Report     int // where to report a failure
}

// setupFor gives the step that s needs, or nil.
func (l *Launcher) setupFor(s *config.Service, ownPID []string) *setup {
	x := &setup{Umask: s.Umask, Limits: s.Limits, NoNewPrivs: s.NoNewPrivs, OwnPID: ownPID}
	if s.NiceSet {
		x.Nice = &s.Nice
	}
	if s.OOMSet {
		x.OOMScore = &s.OOMScore
	}
	for _, sig := range l.ignored {
		x.Ignore = append(x.Ignore, int(sig))
	}
	if x.Umask < 0 && x.Nice == nil && x.OOMScore == nil && len(x.Limits) == 0 && len(x.Ignore) == 0 && !x.NoNewPrivs && len(x.OwnPID) == 0 {
		return nil
	}
	x.Dir, x.Pdeathsig, x.Parent = s.Dir, int(s.Pdeathsig), os.Getpid()
	return x
}

// wrap makes image execute our own binary first, which then does x.
func (x *setup) wrap(image *reaper.Image, self string, who *identity) error {
	if self == "" {
		return errors.New("what this service asks for is set by executing supervise once more, and without /proc it does not know its own file")
	}
	x.Path = image.Path
	if who != nil {
		x.Identity, x.UID, x.GID, x.Groups = true, who.uid, who.gid, who.groups
	}
	r, w, err := reportPipe(reportNumber(image.Files))
	if err != nil {
		return fmt.Errorf("making a pipe for the set-up of a child: %w", err)
	}
	x.Report = w
	text, err := json.Marshal(x)
	if err != nil {
		return err
	}
	image.Path = self
	image.Argv = append([]string{setupName, string(text)}, image.Argv...)
	image.Dir = ""
	image.Setup = r
	image.Close = func() { unix.Close(w) }
	return nil
}

// reportPipe makes a pipe whose write end the next child gets under the same
// number. Nobody else forks meanwhile: this is the thread that does.
func reportPipe(from int) (r *os.File, w int, err error) {
	r, end, err := os.Pipe()
	if err != nil {
		return nil, 0, err
	}
	defer end.Close()
	if w, err = unix.FcntlInt(end.Fd(), unix.F_DUPFD, from); err != nil {
		r.Close()
	}
	return r, w, err
}

// Setup is the step in the child. If this process was started for it, it does
// not return: it becomes the program, or reports why it can't and ends.
func Setup() {
	if len(os.Args) < 3 || os.Args[0] != setupName {
		return
	}
	runtime.LockOSThread() // nice, no_new_privs and the parent-death signal are the thread's
	var x setup
	if err := json.Unmarshal([]byte(os.Args[1]), &x); err != nil {
		fmt.Fprintln(os.Stderr, "supervise: the set-up of a child:", err)
		os.Exit(125)
	}
	syscall.CloseOnExec(x.Report)
	err := x.do(os.Args[2:])
	status := 125
	if e, ok := errors.AsType[*reaper.StartError](err); ok {
		status = e.Status
	}
	_, _ = unix.Write(x.Report, []byte(strconv.Itoa(status)+" "+err.Error()))
	os.Exit(status)
}

// do ends in the program that is to run, or in an error.
func (x *setup) do(argv []string) error {
	if x.Umask >= 0 {
		unix.Umask(x.Umask)
	}
	if x.Nice != nil {
		if err := unix.Setpriority(unix.PRIO_PROCESS, 0, *x.Nice); err != nil {
			return fmt.Errorf("setting nice to %d: %w", *x.Nice, err)
		}
	}
	if x.OOMScore != nil {
		if err := os.WriteFile("/proc/self/oom_score_adj", []byte(strconv.Itoa(*x.OOMScore)), 0); err != nil {
			return fmt.Errorf("setting oom_score_adj to %d (less than our own needs CAP_SYS_RESOURCE): %w", *x.OOMScore, err)
		}
	}
	for _, l := range x.Limits {
		// The standard library's call, because it also ends Go's own
		// tampering with nofile (golang/go#46279).
		if err := syscall.Setrlimit(l.Resource, &syscall.Rlimit{Cur: l.Soft, Max: l.Hard}); err != nil {
			return fmt.Errorf("setting the limit %s to %d:%d (raising a hard limit needs CAP_SYS_RESOURCE): %w", l.Name, l.Soft, l.Hard, err)
		}
	}
	for _, s := range x.Ignore {
		if err := ignore(s); err != nil {
			return err
		}
	}
	if err := x.becomeUser(); err != nil {
		return err
	}
	if x.Dir != "" {
		if err := os.Chdir(x.Dir); err != nil {
			return fmt.Errorf("working directory: %w", err)
		}
	}
	if x.NoNewPrivs {
		if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
			return fmt.Errorf("setting no_new_privs: %w", err)
		}
	}
	if x.Pdeathsig != 0 { // changing the user has cleared it, see prctl(2)
		if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(x.Pdeathsig), 0, 0, 0); err != nil {
			return fmt.Errorf("setting the parent-death signal: %w", err)
		}
		if os.Getppid() != x.Parent {
			return errors.New("supervise is gone")
		}
	}
	return reaper.Exec(x.Path, argv, x.environ())
}

func (x *setup) environ() []string {
	var own []string
	for _, name := range x.OwnPID {
		own = append(own, name+"="+strconv.Itoa(os.Getpid()))
	}
	return replaced(os.Environ(), own)
}

func (x *setup) becomeUser() error {
	if !x.Identity {
		return nil
	}
	if err := syscall.Setgroups(x.Groups); err != nil {
		return fmt.Errorf("setting the groups: %w", err)
	}
	if err := syscall.Setgid(x.GID); err != nil {
		return fmt.Errorf("becoming group %d: %w", x.GID, err)
	}
	if err := syscall.Setuid(x.UID); err != nil {
		return fmt.Errorf("becoming user %d: %w", x.UID, err)
	}
	return nil
}

// ignore sets a signal's disposition past Go's runtime, which has no way to
// ignore those that it does not handle. What is ignored stays so after exec.
func ignore(s int) error {
	action := [4]uintptr{1} // SIG_IGN, no flags, no restorer, empty mask
	_, _, e := unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(s), uintptr(unsafe.Pointer(&action)), 0, 8, 0, 0)
	if e != 0 {
		return fmt.Errorf("ignoring signal %d: %w", s, e)
	}
	return nil
}
