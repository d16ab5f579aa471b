package launch

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"supervise/internal/cgroup"
	"supervise/internal/config"
	"supervise/internal/reaper"
	"supervise/internal/rerun"
	"supervise/internal/signals"
	"supervise/internal/tree"
)

// deathSignal is this process's parent-death signal. It is the first thread's,
// on which only init is sure to run.
var deathSignal int

func init() { _ = unix.Prctl(unix.PR_GET_PDEATHSIG, uintptrOf(&deathSignal), 0, 0, 0) }

// TestMain is also the step that sets up a child, and the program that tells
// what it was started with.
func TestMain(m *testing.M) {
	Setup()
	if len(os.Args) > 1 && os.Args[1] == "report" {
		tell()
	}
	if err := rerun.HearAgain(); err != nil {
		fmt.Fprintln(os.Stderr, "cannot reset signals that are ignored:", err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// told is what a program was started with.
type told struct {
	Args, Env           []string
	Dir                 string
	Umask, Nice         int
	OOM                 string
	Files               [2]uint64
	Core                [2]uint64
	Ignored, NoNewPrivs string
	UID, GID            int
	Groups              []int
	Pdeathsig           int
	Group, Session, PID int
	Descriptors         []string
}

func tell() {
	var r told
	r.Args, r.Env = os.Args[2:], os.Environ()
	r.Dir, _ = os.Getwd()
	r.Umask = unix.Umask(0)
	nice, _ := unix.Getpriority(unix.PRIO_PROCESS, 0)
	r.Nice = 20 - nice // as the system call gives it
	oom, _ := os.ReadFile("/proc/self/oom_score_adj")
	r.OOM = strings.TrimSpace(string(oom))
	var l syscall.Rlimit
	_ = syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l)
	r.Files = [2]uint64{l.Cur, l.Max}
	_ = syscall.Getrlimit(syscall.RLIMIT_CORE, &l)
	r.Core = [2]uint64{l.Cur, l.Max}
	status, _ := os.ReadFile("/proc/self/status")
	for line := range strings.Lines(string(status)) {
		if v, ok := strings.CutPrefix(line, "SigIgn:"); ok {
			r.Ignored = strings.TrimSpace(v)
		}
		if v, ok := strings.CutPrefix(line, "NoNewPrivs:"); ok {
			r.NoNewPrivs = strings.TrimSpace(v)
		}
	}
	r.UID, r.GID = os.Getuid(), os.Getgid()
	r.Groups, _ = os.Getgroups()
	slices.Sort(r.Groups)
	r.Pdeathsig = deathSignal
	r.PID, r.Group = os.Getpid(), unix.Getpgrp()
	r.Session, _ = unix.Getsid(0)
	entries, _ := os.ReadDir("/proc/self/fd")
	for _, e := range entries {
		number, _ := strconv.Atoi(e.Name())
		if to, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil && number > 2 && !strings.Contains(to, "anon_inode") && !strings.Contains(to, "/sys/fs/cgroup") { // which are Go's
			r.Descriptors = append(r.Descriptors, e.Name()+" "+to)
		}
	}
	_ = json.NewEncoder(os.Stdout).Encode(r)
	os.Exit(0)
}

// program copies this binary to where every user may execute it.
func program(t *testing.T) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "launch-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "program")
	if err := os.WriteFile(path, b, 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func service(command ...string) *config.Service {
	return &config.Service{Name: "web", Command: command, Umask: -1}
}

func webTree(t *testing.T) *tree.Tree {
	t.Helper()
	tr, err := tree.NewHost(nil).Tree("web", config.Process)
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

// launch starts a service and waits for its end. The process must run alone.
func launch(t *testing.T, l *Launcher, s *config.Service, session Session) (output string, exit reaper.Change, err error) {
	t.Helper()
	return launchWith(t, l, s, Given{}, session)
}

// launchWith is launch with more than the standard streams.
func launchWith(t *testing.T, l *Launcher, s *config.Service, given Given, session Session) (output string, exit reaper.Change, err error) {
	t.Helper()
	out, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	// What the test inherited is not the program's.
	if err := unix.CloseRange(3, ^uint(0), unix.CLOSE_RANGE_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	results := make(chan reaper.Started)
	r := reaper.New(nil, nil, func(s reaper.Started) { results <- s })
	defer r.Close()
	tr := webTree(t)
	given.Stdio = Stdio{In: null.Fd(), Out: w.Fd(), Err: w.Fd(), Terminal: -1}
	r.Start("web", func() (reaper.Image, error) {
		return l.Image(s, tr, given, session)
	})
	started := <-results
	r.Register(started)
	w.Close()
	b, readErr := io.ReadAll(out)
	if readErr != nil {
		t.Fatal(readErr)
	}
	if started.Err != nil {
		if !r.Childless() {
			t.Error("a start that failed left a child")
		}
		return string(b), exit, started.Err
	}
	var info unix.Siginfo
	if err := unix.Waitid(unix.P_PID, started.PID, &info, unix.WEXITED|unix.WNOWAIT, nil); err != nil {
		t.Fatal(err)
	}
	exit, ok := r.Next()
	if !ok || exit.PID != started.PID || exit.Key != "web" {
		t.Errorf("waiting for %d gave %+v, %v", started.PID, exit, ok)
	}
	return string(b), exit, nil
}

// report launches the program that tells what it was started with.
func report(t *testing.T, l *Launcher, change func(*config.Service), session Session) told {
	t.Helper()
	s := service(program(t), "report")
	change(s)
	text, exit, err := launch(t, l, s, session)
	if err != nil {
		t.Fatal(err)
	}
	var r told
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		t.Fatalf("%v: it ended by %+v and printed %q", err, exit.Exit, text)
	}
	return r
}

func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
}

func TestWithout(t *testing.T) {
	env := []string{"A=1", "SUPERVISE_MAP=x", "NOTIFY_SOCKET=/x", "LISTEN_FDS=1", "LISTEN_FDSX=1", "SUPERVISED=1", "SUPERVISE_", "B", "=C:=x", ""}
	for _, c := range []struct{ names, want []string }{
		{nil, []string{"A=1", "NOTIFY_SOCKET=/x", "LISTEN_FDS=1", "LISTEN_FDSX=1", "SUPERVISED=1", "B", "=C:=x", ""}},
		{private, []string{"A=1", "LISTEN_FDSX=1", "SUPERVISED=1", "B", "=C:=x", ""}},
	} {
		if diff := cmp.Diff(c.want, without(env, c.names)); diff != "" {
			t.Errorf("without %v (-want +got):\n%s", c.names, diff)
		}
	}
}

func TestReplaced(t *testing.T) {
	for _, c := range []struct{ env, by, want []string }{
		{[]string{"A=1", "B=2"}, nil, []string{"A=1", "B=2"}},
		{[]string{"A=1", "HOME=/root", "HOMEX=1"}, []string{"HOME=/x"}, []string{"HOME=/x", "A=1", "HOMEX=1"}},
		{nil, []string{"A=1"}, []string{"A=1"}},
	} {
		if diff := cmp.Diff(c.want, replaced(c.env, c.by)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}

func TestServicesDoNotSeeWhatIsMeantForUs(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "/run/x")
	t.Setenv("SUPERVISE_MAP", "TERM:QUIT")
	t.Setenv("PLAIN", "1")
	t.Setenv(tree.MarkVariable, "/1.2.outer")
	has := func(l *Launcher, want string) bool { return slices.Contains(l.environ, want) }
	services, program := ForServices(signals.Dispositions{}), ForProgram(signals.Dispositions{})
	for _, l := range []*Launcher{services, program} {
		if !has(l, "PLAIN=1") || has(l, "SUPERVISE_MAP=TERM:QUIT") {
			t.Errorf("got %q", l.environ)
		}
	}
	if has(services, "NOTIFY_SOCKET=/run/x") || !has(program, "NOTIFY_SOCKET=/run/x") {
		t.Error("the readiness socket is for the program alone")
	}
	if has(services, tree.MarkVariable+"=/1.2.outer") || !has(program, tree.MarkVariable+"=/1.2.outer") {
		t.Error("the mark of a supervise further up goes to the program; services have their own")
	}
}

func TestImage(t *testing.T) {
	l := &Launcher{environ: []string{"PATH=/bin:/usr/bin", "A=1"}, marks: true}
	s := service("sh", "-c", "true", "")
	s.Env = []string{"A=2"}
	s.Dir = "/"
	s.Pdeathsig = signals.KILL
	tr := webTree(t)
	image, err := l.Image(s, tr, Given{Stdio: Stdio{In: 5, Out: 6, Err: 7, Terminal: -1}}, OwnSession)
	if err != nil {
		t.Fatal(err)
	}
	if image.Path != "/bin/sh" || !slices.Equal(image.Argv, s.Command) || image.Dir != "/" || !slices.Equal(image.Files, []uintptr{5, 6, 7}) {
		t.Errorf("got %+v", image)
	}
	want := []string{"PATH=/bin:/usr/bin", "A=2", tree.MarkVariable + "=" + tr.Mark(), "SUPERVISE_SERVICE=web"}
	if diff := cmp.Diff(want, image.Env); diff != "" {
		t.Errorf("environment (-want +got):\n%s", diff)
	}
	if sys := image.Sys; !sys.Setsid || sys.Setpgid || sys.Foreground || sys.Credential != nil || sys.Pdeathsig != syscall.SIGKILL || sys.UseCgroupFD {
		t.Errorf("got %+v", sys)
	}
	if image.Setup != nil || image.Close != nil {
		t.Error("it takes a step that nobody asked for")
	}
	image, err = l.Image(s, tr, Given{Stdio: Stdio{Terminal: 9}}, OwnGroup)
	if err != nil {
		t.Fatal(err)
	}
	if sys := image.Sys; sys.Setsid || !sys.Setpgid || !sys.Foreground || sys.Ctty != 9 {
		t.Errorf("got %+v", sys)
	}
}

func TestLookup(t *testing.T) {
	dir := t.TempDir()
	for name, mode := range map[string]os.FileMode{"run": 0o755, "data": 0o644} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"), mode); err != nil {
			t.Fatal(err)
		}
	}
	env := []string{"PATH=" + dir}
	for _, c := range []struct {
		name, dir string
		env       []string
		want      string
		status    int
	}{
		{"run", "", env, dir + "/run", 0},
		{"./run", "/x", env, "./run", 0},
		{"/no/such", "", env, "/no/such", 0}, // execve says what is wrong with it
		{"data", "", env, "", 126},
		{"none", "", env, "", 127},
		{"run", dir, []string{"PATH=."}, dir + "/run", 0},
		{"run", "", []string{"PATH=nowhere"}, "", 127},
	} {
		got, err := lookup(c.name, c.dir, c.env)
		status := 0
		if e, ok := errors.AsType[*reaper.StartError](err); ok {
			status = e.Status
		}
		if got != c.want || status != c.status {
			t.Errorf("%s in %q with %v: got %q, %v", c.name, c.dir, c.env, got, err)
		}
	}
	t.Chdir(dir)
	if got, err := lookup("run", "", []string{"PATH=."}); got != "./run" || err != nil {
		t.Errorf("got %q, %v, want ./run: execve is not to look in PATH", got, err)
	}
}

func TestIdentify(t *testing.T) {
	if who, err := identify(service("x")); who != nil || err != nil {
		t.Errorf("nobody asked for: %+v, %v", who, err)
	}
	for name, s := range map[string]*config.Service{
		"no such user":      {User: "no-such-user"},
		"no such group":     {Group: "no-such-group"},
		"no such groups":    {Groups: []string{"root", "no-such-group"}},
		"negative":          {User: "-1"},
		"cut to root":       {User: "4294967296"},
		"means no change":   {User: "4294967295"},
		"group cut to root": {Group: "4294967296"},
		"group, no change":  {Group: "4294967295"},
		"beyond all":        {User: "99999999999999999999"},
	} {
		if who, err := identify(s); err == nil {
			t.Errorf("%s: got %+v", name, who)
		}
	}
	needRoot(t)
	for name, c := range map[string]struct {
		service *config.Service
		want    identity
	}{
		"number without an entry": {&config.Service{User: "54321"}, identity{uid: 54321, gid: 54321}},
		"name":                    {&config.Service{User: "root"}, identity{uid: 0, gid: 0, groups: []int{0}, name: "root", home: "/root"}},
		"number with an entry":    {&config.Service{User: "0"}, identity{uid: 0, gid: 0, groups: []int{0}, name: "root", home: "/root"}},
		"group alone":             {&config.Service{Group: "54321"}, identity{uid: 0, gid: 54321}},
		"other group":             {&config.Service{User: "root", Group: "54321"}, identity{uid: 0, gid: 54321, groups: []int{0}, name: "root", home: "/root"}},
		"groups":                  {&config.Service{User: "root", Groups: []string{"54321", "root"}}, identity{groups: []int{54321, 0}, name: "root", home: "/root"}},
		"no groups":               {&config.Service{User: "root", Groups: []string{}}, identity{name: "root", home: "/root"}},
	} {
		who, err := identify(c.service)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff(c.want, *who, cmp.AllowUnexported(identity{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestCredentialAlwaysSaysWhichGroups(t *testing.T) {
	c := (&identity{uid: 5, gid: 6}).credential()
	if c.Uid != 5 || c.Gid != 6 || c.Groups == nil || len(c.Groups) != 0 || c.NoSetGroups {
		t.Errorf("got %+v", c)
	}
}

func TestEnvironmentOfAnIdentity(t *testing.T) {
	if got := (*identity)(nil).environment(); got != nil {
		t.Errorf("got %q", got)
	}
	if got := (&identity{uid: 7}).environment(); got != nil {
		t.Errorf("a number without an entry has no home: %q", got)
	}
	if got := (&identity{name: "x", home: "/h"}).environment(); !slices.Equal(got, []string{"HOME=/h", "USER=x", "LOGNAME=x"}) {
		t.Errorf("got %q", got)
	}
}

func TestSetupIsForThoseWhoAskForIt(t *testing.T) {
	for name, c := range map[string]struct {
		change  func(*config.Service)
		ignored []signals.Signal
		ownPID  []string
		want    bool
	}{
		"nothing":              {func(s *config.Service) {}, nil, nil, false},
		"what a fork can do":   {func(s *config.Service) { s.Dir, s.User, s.Pdeathsig = "/", "root", signals.KILL }, nil, nil, false},
		"umask 0":              {func(s *config.Service) { s.Umask = 0 }, nil, nil, true},
		"nice 0":               {func(s *config.Service) { s.NiceSet = true }, nil, nil, true},
		"oom 0":                {func(s *config.Service) { s.OOMSet = true }, nil, nil, true},
		"a limit":              {func(s *config.Service) { s.Limits = []config.Limit{{Name: "core"}} }, nil, nil, true},
		"no_new_privs":         {func(s *config.Service) { s.NoNewPrivs = true }, nil, nil, true},
		"our caller's ignored": {func(s *config.Service) {}, []signals.Signal{signals.HUP}, nil, true},
		"its own pid":          {func(s *config.Service) {}, nil, []string{"LISTEN_PID"}, true},
	} {
		s := service("x")
		c.change(s)
		if got := (&Launcher{ignored: c.ignored}).setupFor(s, c.ownPID); (got != nil) != c.want {
			t.Errorf("%s: got %+v", name, got)
		}
	}
}

func TestSetupWithoutKnowingOurOwnFile(t *testing.T) {
	s := service("true")
	s.Umask = 0o22
	_, err := (&Launcher{environ: os.Environ()}).Image(s, webTree(t), Given{Stdio: Stdio{Terminal: -1}}, OwnGroup)
	if err == nil || !strings.Contains(err.Error(), "/proc") {
		t.Errorf("got %v", err)
	}
}

func TestErrorsBeforeTheFork(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		change func(*config.Service)
		status int
		says   string
	}{
		"user":         {func(s *config.Service) { s.User = "no-such-user" }, 125, `user "no-such-user"`},
		"directory":    {func(s *config.Service) { s.Dir = "/no/such" }, 125, "working directory"},
		"no directory": {func(s *config.Service) { s.Dir = file }, 125, "is no directory"},
		"environment":  {func(s *config.Service) { s.EnvFile = []string{"/no/such"} }, 125, "/no/such"},
		"program":      {func(s *config.Service) { s.Command = []string{"no-such-program"} }, 127, "no-such-program"},
	} {
		s := service("true")
		c.change(s)
		_, err := ForServices(signals.Dispositions{}).Image(s, webTree(t), Given{Stdio: Stdio{Terminal: -1}}, OwnGroup)
		e, ok := errors.AsType[*reaper.StartError](err)
		if !ok || e.Status != c.status || !strings.Contains(e.Error(), c.says) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// A start that fails half-way leaves no descriptor open.
func TestNoDescriptorIsLeftByAnImageThatFails(t *testing.T) {
	if !rerun.Alone(t) {
		return
	}
	root, err := cgroup.OpenIn(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	tr, err := tree.NewHost(root).Tree("web", config.Tree)
	if err != nil {
		t.Fatal(err)
	}
	tr.Close() // so that its cgroup can't be opened
	s := service("true")
	s.Umask = 0o22
	count := func() int {
		entries, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(entries)
	}
	before := count()
	for range 10 {
		if _, err := ForServices(signals.Dispositions{}).Image(s, tr, Given{Stdio: Stdio{Terminal: -1}}, OwnGroup); err == nil {
			t.Fatal("it did not fail")
		}
	}
	if after := count(); after != before {
		t.Errorf("%d descriptors were left open", after-before)
	}
}

func TestPlainServiceIsStartedAsWeAre(t *testing.T) {
	if !rerun.Alone(t) {
		return
	}
	r := report(t, &Launcher{environ: []string{"A=1"}}, func(s *config.Service) {
		s.Command = append(s.Command, "", "a b", "-x")
		s.Dir = "/"
	}, OwnSession)
	if !slices.Equal(r.Args, []string{"", "a b", "-x"}) || !slices.Equal(r.Env, []string{"A=1"}) || r.Dir != "/" {
		t.Errorf("got %+v", r)
	}
	if r.UID != os.Getuid() || r.Session != r.PID || r.Group != r.PID || len(r.Descriptors) != 0 || r.NoNewPrivs != "0" || r.Pdeathsig != 0 {
		t.Errorf("got %+v", r)
	}
}

func TestSetupStep(t *testing.T) {
	if !rerun.Alone(t) {
		return
	}
	r := report(t, ForServices(signals.Dispositions{Ignored: []signals.Signal{signals.HUP, signals.TSTP}}), func(s *config.Service) {
		s.Umask = 0o027
		s.Nice, s.NiceSet = 5, true
		s.OOMScore, s.OOMSet = 500, true
		s.Limits = []config.Limit{
			{Name: "nofile", Resource: unix.RLIMIT_NOFILE, Soft: 200, Hard: 300},
			{Name: "core", Resource: unix.RLIMIT_CORE, Soft: 0, Hard: 0},
		}
		s.NoNewPrivs = true
		s.Dir = "/usr"
		s.Pdeathsig = signals.TERM
		s.Command = append(s.Command, "x y", "")
	}, OwnGroup)
	if !slices.Equal(r.Args, []string{"x y", ""}) || r.Dir != "/usr" || r.Umask != 0o027 || r.Nice != 5 || r.OOM != "500" || r.NoNewPrivs != "1" {
		t.Errorf("got %+v", r)
	}
	// The program is in Go and raises its own soft limit to the hard one.
	if r.Files[1] != 300 || r.Core != [2]uint64{0, 0} {
		t.Errorf("limits are %v, %v", r.Files, r.Core)
	}
	// Of the two Go's runtime in the program leaves both as they were.
	if want := fmt.Sprintf("%016x", uint64(1<<(signals.HUP-1)|1<<(signals.TSTP-1))); r.Ignored != want {
		t.Errorf("it ignores %s, want %s", r.Ignored, want)
	}
	if r.Pdeathsig != int(unix.SIGTERM) || r.Group != r.PID || len(r.Descriptors) != 0 {
		t.Errorf("got %+v", r)
	}
	if slices.ContainsFunc(r.Env, func(e string) bool { return strings.Contains(e, setupName) }) {
		t.Errorf("its environment is %q", r.Env)
	}
}

func TestSoftLimitOfFilesIsTheServicesOwn(t *testing.T) {
	if !rerun.Alone(t) {
		return
	}
	s := service("sh", "-c", "ulimit -Sn; ulimit -Hn")
	s.Limits = []config.Limit{{Name: "nofile", Resource: unix.RLIMIT_NOFILE, Soft: 200, Hard: 300}}
	if out, _, err := launch(t, ForServices(signals.Dispositions{}), s, OwnGroup); err != nil || out != "200\n300\n" {
		t.Errorf("got %q, %v", out, err)
	}
}

// What needs privileges comes before they are dropped, and the death signal,
// which a change of the user clears, after that.
func TestPrivilegesAreUsedBeforeTheyAreDropped(t *testing.T) {
	needRoot(t)
	if !rerun.Alone(t) {
		return
	}
	r := report(t, ForServices(signals.Dispositions{}), func(s *config.Service) {
		s.User, s.Group, s.Groups = "54321", "54322", []string{"54323", "54324"}
		s.Nice, s.NiceSet = -3, true
		s.NoNewPrivs = true
		s.Pdeathsig = signals.KILL
		s.Umask = 0
	}, OwnSession)
	if r.UID != 54321 || r.GID != 54322 || !slices.Equal(r.Groups, []int{54323, 54324}) || r.Nice != -3 || r.NoNewPrivs != "1" || r.Umask != 0 {
		t.Errorf("got %+v", r)
	}
	if r.Pdeathsig != int(unix.SIGKILL) {
		t.Errorf("its parent-death signal is %d", r.Pdeathsig)
	}
}

func TestUserWithoutASetupStep(t *testing.T) {
	needRoot(t)
	if !rerun.Alone(t) {
		return
	}
	r := report(t, ForServices(signals.Dispositions{}), func(s *config.Service) {
		s.User, s.Pdeathsig = "54321", signals.KILL
	}, OwnSession)
	if r.UID != 54321 || r.GID != 54321 || len(r.Groups) != 0 || r.Pdeathsig != int(unix.SIGKILL) {
		t.Errorf("got %+v", r)
	}
}

func TestErrorsOfTheSetupStep(t *testing.T) {
	if !rerun.Alone(t) {
		return
	}
	script := filepath.Join(t.TempDir(), "script")
	if err := os.WriteFile(script, []byte("#!/no/such/interpreter\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		change func(*config.Service)
		status int
		says   string
	}{
		"no such program": {func(s *config.Service) { s.Command = []string{"/no/such"} }, 127, "starting /no/such: no such file"},
		"not executable":  {func(s *config.Service) { s.Command = []string{"/etc/passwd"} }, 126, "permission denied"},
		"no interpreter":  {func(s *config.Service) { s.Command = []string{script} }, 127, "not its interpreter"},
		"limit": {func(s *config.Service) {
			s.Limits = []config.Limit{{Name: "nofile", Resource: unix.RLIMIT_NOFILE, Soft: 2, Hard: 1}}
		}, 125, "setting the limit nofile"},
		"oom": {func(s *config.Service) { s.OOMScore, s.OOMSet = 5000, true }, 125, "oom_score_adj"},
	} {
		s := service("true")
		s.Umask = 0o22
		c.change(s)
		_, _, err := launch(t, ForServices(signals.Dispositions{}), s, OwnGroup)
		e, ok := errors.AsType[*reaper.StartError](err)
		if !ok || e.Status != c.status || !strings.Contains(e.Error(), c.says) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestSetupStepThatIsKilledIsAProgramThatEnded(t *testing.T) {
	if !rerun.Alone(t) {
		return
	}
	s := service("sh", "-c", "kill -9 $$")
	s.Umask = 0o22
	_, exit, err := launch(t, ForServices(signals.Dispositions{}), s, OwnGroup)
	if err != nil || exit.Exit.Signal != signals.KILL {
		t.Errorf("got %+v, %v", exit, err)
	}
}
