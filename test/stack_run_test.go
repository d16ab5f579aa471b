package test

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"supervise/internal/procfs"
)

// stack is a run of examples/stacks, in a copy of its own with a port of its
// own.
type stack struct {
	*upSession
	home string // where the copy is
	site string // "http://127.0.0.1:PORT"
}

// stackNeeds says that the programs are there.
func stackNeeds(t testing.TB) {
	t.Helper()
	var missing []string
	for _, p := range []string{"nginx", "redis-server", "redis-cli", "psql", "setpriv", "/usr/bin/python3"} {
		if _, err := exec.LookPath(p); err != nil {
			missing = append(missing, p)
		}
	}
	if found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/postgres"); len(found) == 0 {
		missing = append(missing, "postgres")
	}
	if missing != nil {
		upNeeds(t, "nginx-light, redis-server, postgresql, python3", fmt.Errorf("not found: %s", strings.Join(missing, ", ")))
	}
}

// newStack copies the example and starts it.
func newStack(t testing.TB, prepare func(*exec.Cmd)) *stack {
	t.Helper()
	stackNeeds(t)
	address := "127.0.0.1:" + upPort(t)
	files := map[string]string{"state/.gitignore": ""}
	from := filepath.Join("..", "examples", "stacks")
	err := filepath.WalkDir(from, func(path string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case e.IsDir() && e.Name() == "state": // of somebody who tried the example
			return fs.SkipDir
		case e.IsDir():
			return nil
		}
		b, err := os.ReadFile(path)
		name, _ := filepath.Rel(from, path)
		files[name] = strings.ReplaceAll(string(b), "127.0.0.1:8080", address)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	s := &stack{site: "http://" + address}
	s.upSession = upStart(t, upPlan{files: files, flags: stackFlags, prepare: prepare})
	s.home = s.dir
	s.sweepLater()
	return s
}

// again starts the same copy once more.
func (s *stack) again() *stack {
	s.t.Helper()
	next := &stack{home: s.home, site: s.site}
	next.upSession = upStart(s.t, upPlan{path: filepath.Join(s.home, "supervise.toml"), flags: stackFlags})
	next.sweepLater()
	return next
}

var stackFlags = []string{"--verbose", "--log-format", "json", "--socket", "s"}

// processes are those that live in the copy. Their working directory tells it:
// PostgreSQL and nginx write over their environment.
func (s *stack) processes() (pids []int) {
	all, _ := procfs.All()
	for _, p := range all {
		if cwd, err := os.Readlink(fmt.Sprintf("/proc/%d/cwd", p.PID)); err == nil && !p.Gone() && strings.HasPrefix(cwd, s.home) {
			pids = append(pids, p.PID)
		}
	}
	return pids
}

// sweepLater ends what a failed test leaves, before its session is ended.
func (s *stack) sweepLater() {
	s.t.Cleanup(func() {
		_ = s.cmd.Process.Kill()
		<-s.ended
		for _, pid := range s.processes() {
			_ = unix.Kill(pid, unix.SIGKILL)
		}
	})
}

// ready waits until all of it is up.
func (s *stack) ready() *stack {
	s.t.Helper()
	s.until("service.running", "nginx")
	s.line("worker", "waiting for jobs")
	return s
}

// leavesNothing is for after the end.
func (s *stack) leavesNothing() {
	s.t.Helper()
	for _, pid := range s.processes() {
		s.t.Errorf("left behind: process %d (%s)", pid, upCommandLine(pid))
	}
	err := filepath.WalkDir(filepath.Join(s.home, "state"), func(path string, e fs.DirEntry, err error) error {
		if err == nil && (e.Type() == fs.ModeSocket || strings.HasSuffix(path, ".pid") || strings.HasSuffix(path, ".lock")) {
			s.t.Errorf("left behind: %s", path)
		}
		return err
	})
	if err != nil {
		s.t.Error(err)
	}
}

// shared is the shared memory of the PostgreSQL that runs: the number of its
// System V segment, see postmaster.pid, and the files that it has mapped.
func (s *stack) shared() (segment string, files []string) {
	s.t.Helper()
	b, err := os.ReadFile(filepath.Join(s.home, "state/postgres/data/postmaster.pid"))
	if err != nil {
		s.t.Fatal(err)
	}
	lines := strings.Split(string(b), "\n")
	maps, err := os.ReadFile("/proc/" + lines[0] + "/maps")
	if err != nil {
		s.t.Fatal(err)
	}
	files = regexp.MustCompile(`/dev/shm/\S+`).FindAllString(string(maps), -1)
	key := strings.Fields(lines[6]) // the key, and the number
	if len(key) != 2 || len(files) == 0 {
		s.t.Fatalf("where is the shared memory? %q\n%s", lines, maps)
	}
	return key[1], files
}

func stackSharedIsGone(t testing.TB, segment string, files []string) {
	t.Helper()
	for _, f := range files {
		if _, err := os.Stat(f); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("left behind: %s (%v)", f, err)
		}
	}
	b, err := os.ReadFile("/proc/sysvipc/shm")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); len(f) > 1 && f[1] == segment {
			t.Errorf("left behind: a segment of shared memory: %s", line)
		}
	}
}

// get asks for a page that has to be there.
func (s *stack) get(page string) string {
	s.t.Helper()
	text, err := stackAnswer(stackClient.Get(s.site + page))
	if err != nil {
		s.t.Errorf("%s: %v", page, err)
	}
	return text
}

// job gives the stack a job, and its name.
func (s *stack) job(text string) string {
	s.t.Helper()
	job, err := stackAnswer(stackClient.Post(s.site+"/jobs", "text/plain", strings.NewReader(text)))
	if err != nil {
		s.t.Fatal(err)
	}
	return strings.TrimSpace(job)
}

var stackClient = &http.Client{Timeout: upDeadline}

func stackAnswer(r *http.Response, err error) (string, error) {
	if err != nil {
		return "", err
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err == nil && r.StatusCode/100 != 2 {
		err = fmt.Errorf("%s: %s", r.Status, body)
	}
	return string(body), err
}

// does runs a command of supervise that has to succeed.
func (s *stack) does(args ...string) {
	s.t.Helper()
	if out, errs, status := s.clientRuns(args...); status != 0 {
		s.t.Errorf("%s: status %d\n%s%s", args, status, out, errs)
	}
}

// inOrder says that the last events of these names came one after the other.
func (s *stack) inOrder(steps ...string) {
	s.t.Helper()
	var before upEvent
	for _, step := range steps {
		name, service, _ := strings.Cut(step, " ")
		all := s.all(name, service)
		if len(all) == 0 {
			s.t.Errorf("no %s", step)
			continue
		}
		now := all[len(all)-1]
		if now.Seq < before.Seq {
			s.t.Errorf("%s came before %s of %s", step, before.Event, before.Service)
		}
		before = now
	}
}
