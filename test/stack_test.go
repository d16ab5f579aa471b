package test

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestAStackOfRealPrograms starts it, has it work, breaks it, stops it while it
// answers, and looks whether all is there when it is started again.
func TestAStackOfRealPrograms(t *testing.T) {
	t.Parallel()
	s := newStack(t, nil).ready()
	for _, path := range [][]string{
		{"service.done prepare", "service.starting postgres", "service.running postgres", "service.starting migrate"},
		{"service.done prepare", "service.starting redis", "service.running redis", "service.starting app@1"},
		{"service.done migrate", "service.starting app@1", "service.running app@1", "service.starting nginx", "service.running nginx"},
		{"service.done migrate", "service.starting app@2", "service.running app@2", "service.starting nginx"},
		{"service.done migrate", "service.starting worker"},
	} {
		s.inOrder(path...)
	}
	s.line("prepare", "the database was made")
	s.line("migrate", "migrated: 001-results")
	s.line("migrate", "migrated: 002-when")
	s.none("service.failed", "*")
	s.none("backoff.scheduled", "*")

	for _, text := range []string{"one", "two", "it's; \"three\" $HOME"} {
		s.line("worker", "done: "+s.job(text))
	}
	if results := s.get("/results"); strings.Count(results, "\n") != 3 || !strings.Contains(results, "IT'S; \"THREE\" $HOME\n") {
		t.Errorf("the results are:\n%s", results)
	}

	s.restartsWithoutARefusal()
	segment, files := s.shared()
	s.survivesTheDeathOfItsDatabase()
	stackSharedIsGone(t, segment, files)

	// What is in the queue when all is stopped is there afterwards.
	s.does("stop", "worker")
	kept := s.job("kept by redis")
	segment, files = s.shared()
	s.stopsWithoutLosingARequest()
	s.leavesNothing()
	stackSharedIsGone(t, segment, files)

	second := s.again().ready()
	second.line("prepare", "the database is there")
	second.line("migrate", "the schema is up to date")
	if slices.ContainsFunc(second.output("migrate"), func(line string) bool { return strings.HasPrefix(line, "migrated") }) {
		t.Error("a migration was run again")
	}
	second.line("worker", "done: "+kept)
	if results := second.get("/results"); strings.Count(results, "\n") != 5 || !strings.HasSuffix(results, "KEPT BY REDIS\n") {
		t.Errorf("the results are now:\n%s", results)
	}
	second.signal(syscall.SIGINT)
	second.ends(0)
	second.none("stop.escalated", "*")
	second.leavesNothing()
}

// restartsWithoutARefusal restarts the application, one instance after the
// other, and has nginx read its configuration again, while somebody asks all
// the time.
func (s *stack) restartsWithoutARefusal() {
	s.t.Helper()
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			s.get("/health")
			select {
			case <-stop:
				return
			default:
			}
		}
	}()
	defer func() { <-stopped }()
	defer close(stop)
	s.does("restart", "app@1")
	s.does("restart", "app@2")
	s.does("signal", "HUP", "nginx")
	s.line("nginx", "reconfiguring")
	s.line("nginx", "exited with code 0") // a worker with the old configuration
	s.does("signal", "USR1", "nginx")
	s.line("nginx", "reopening logs")
	for _, app := range []string{"app@1", "app@2"} {
		if n := len(s.all("service.started", app)); n != 2 {
			s.t.Errorf("%s was started %d times", app, n)
		}
		s.line(app, "all are answered")
	}
	s.none("process.exited", "nginx")
}

// survivesTheDeathOfItsDatabase kills PostgreSQL.
func (s *stack) survivesTheDeathOfItsDatabase() {
	s.t.Helper()
	s.until("service.running", "postgres")
	s.until("service.running", "worker")
	if err := unix.Kill(s.until("service.started", "postgres").PID, unix.SIGKILL); err != nil {
		s.t.Fatal(err)
	}
	if e := s.until("process.exited", "postgres"); e.Exit == nil || e.Exit.Signal != "KILL" {
		s.t.Errorf("postgres: %s", e.Message)
	}
	job := s.job("given while the database is away")
	s.line("postgres", "database system was not properly shut down; automatic recovery in progress")
	s.until("service.running", "postgres")
	s.until("service.running", "worker")
	s.inOrder("backoff.scheduled postgres", "service.running postgres", "service.starting worker")
	s.line("worker", "done: "+job)
	if n := len(s.all("service.started", "migrate")); n != 1 {
		s.t.Errorf("migrate was started %d times", n)
	}
	for _, app := range []string{"app@1", "app@2"} {
		if n := len(s.all("service.started", app)); n != 2 {
			s.t.Errorf("%s was started %d times: it need not go with the database", app, n)
		}
	}
	if results := s.get("/results"); strings.Count(results, "\n") != 4 {
		s.t.Errorf("the results after the crash are:\n%s", results)
	}
}

// stopsWithoutLosingARequest shuts everything down while a request is being
// answered.
func (s *stack) stopsWithoutLosingARequest() {
	s.t.Helper()
	type answer struct {
		text string
		err  error
		at   time.Time
	}
	slow := make(chan answer)
	go func() {
		text, err := stackAnswer(stackClient.Get(s.site + "/slow?seconds=6"))
		slow <- answer{text, err, time.Now()}
	}()
	s.when("somebody waits for an answer", func() bool {
		return slices.Contains(slices.Concat(s.output("app@1"), s.output("app@2")), "somebody waits for a slow answer")
	})
	s.does("shutdown")
	a := <-slow
	if a.err != nil || !strings.HasPrefix(a.text, "answered by") {
		s.t.Errorf("the request during the shutdown: %q, %v", a.text, a.err)
	}
	s.ends(0)
	if e := s.until("service.stopping", "nginx"); e.Time.After(a.at) {
		s.t.Errorf("nginx was told to stop at %s, after the answer at %s: this shows nothing", e.Time, a.at)
	}

	for _, path := range [][]string{
		{"service.stopping nginx", "service.stopped nginx", "service.stopping app@1", "service.stopped app@1", "service.stopping postgres"},
		{"service.stopped nginx", "service.stopping app@2", "service.stopped app@2", "service.stopping redis"},
		{"service.stopped worker", "service.stopping postgres", "service.stopped postgres"},
		{"service.stopped worker", "service.stopping redis", "service.stopped redis"},
	} {
		s.inOrder(path...)
	}
	s.none("stop.escalated", "*")
	for service, lines := range map[string][]string{
		"nginx":    {"signal 3 (SIGQUIT) received", "gracefully shutting down"},
		"postgres": {"received fast shutdown request", "database system is shut down"},
		"redis":    {"Received SIGTERM scheduling shutdown", "DB saved on disk", "bye bye"},
		"worker":   {"ending, no job is half done"},
		"app@1":    {"all are answered"},
		"app@2":    {"all are answered"},
	} {
		for _, line := range lines {
			s.line(service, line)
		}
	}
	for _, service := range []string{"nginx", "postgres", "redis", "worker", "app@1", "app@2"} {
		all := s.all("process.exited", service)
		if last := all[len(all)-1]; last.Exit == nil || last.Exit.Code != 0 || last.Exit.Signal != "" {
			s.t.Errorf("%s did not end well: %s", service, last.Message)
		}
	}
}

// TestAStackOfRealProgramsWithoutRoot runs all of it as one user.
func TestAStackOfRealProgramsWithoutRoot(t *testing.T) {
	t.Parallel()
	upRoot(t) // others have seen it in the test above
	const nobody = 65534
	s := newStack(t, func(cmd *exec.Cmd) {
		err := filepath.WalkDir(cmd.Dir, func(path string, _ fs.DirEntry, err error) error {
			return errors.Join(err, os.Chown(path, nobody, nobody))
		})
		if err != nil {
			t.Fatal(err)
		}
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: nobody, Gid: nobody}
	}).ready()
	s.line("worker", "done: "+s.job("anybody"))
	if results := s.get("/results"); !strings.Contains(results, " ANYBODY\n") {
		t.Errorf("the results are:\n%s", results)
	}
	s.stop()
	s.none("stop.escalated", "*")
	s.line("postgres", "received fast shutdown request")
	s.leavesNothing()
}
