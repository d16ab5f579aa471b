package test

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"supervise/internal/api"
)

const oneSleeper = "[services.web]\ncommand = 'sleep 1000'\n"

// shortDir is a directory whose path is short, for sockets.
func shortDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp(stageDir, "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// callAs asks for the status at a socket as another user.
func callAs(t testing.TB, uid int, socket string) string {
	t.Helper()
	cmd := exec.Command(program("caller"), socket)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(uid)}}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := start(cmd); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v: %s", err, out.String())
	}
	return out.String()
}

func modeOf(t testing.TB, path string) os.FileMode {
	t.Helper()
	st, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	return st.Mode()
}

func TestSocketIsItsOwnersAlone(t *testing.T) {
	t.Parallel()
	upRoot(t)
	d := openDesk(t, upPlan{config: oneSleeper})
	if mode := modeOf(t, d.socket); mode != os.ModeSocket|0o600 {
		t.Errorf("the socket has mode %v", mode)
	}
	if got := callAs(t, 0, d.socket); !strings.Contains(got, "200 OK") {
		t.Errorf("root: %s", got)
	}
	if got := callAs(t, 12345, d.socket); !strings.Contains(got, "permission denied") {
		t.Errorf("another: %s", got)
	}
	// Who gets to the socket all the same is asked who he is.
	if err := os.Chmod(d.socket, 0o666); err != nil {
		t.Fatal(err)
	}
	if got := callAs(t, 12345, d.socket); !strings.Contains(got, "403 Forbidden") {
		t.Errorf("another: %s", got)
	}
	d.stop()
	if _, err := os.Lstat(d.socket); err == nil {
		t.Error("the socket is left")
	}
	if _, err := os.Lstat(d.socket + ".lock"); err == nil {
		t.Error("the lock is left")
	}
}

func TestOwnerAndRootMayUseTheSocketOfAUser(t *testing.T) {
	t.Parallel()
	upRoot(t)
	dir := shortDir(t)
	if err := os.Chown(dir, 12345, 12345); err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(dir, "s")
	u := upStart(t, upPlan{config: oneSleeper, flags: []string{"--log-format", "json", "--socket", socket}, prepare: func(cmd *exec.Cmd) {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: 12345, Gid: 12345}
	}})
	u.until("service.running", "web")
	for uid, want := range map[int]string{0: "200 OK", 12345: "200 OK", 12346: "permission denied"} {
		if got := callAs(t, uid, socket); !strings.Contains(got, want) {
			t.Errorf("uid %d: %s", uid, got)
		}
	}
	u.stop()
}

func TestListedUsersMayUseTheSocket(t *testing.T) {
	t.Parallel()
	upRoot(t)
	list := func(uids string) string { return "[supervisor]\nallow_uids = " + uids + "\n" + oneSleeper }
	d := openDesk(t, upPlan{config: list("[12345, 'daemon']")})
	if mode := modeOf(t, d.socket); mode != os.ModeSocket|0o666 {
		t.Errorf("the socket has mode %v", mode)
	}
	for uid, want := range map[int]string{0: "200", 12345: "200", 1: "200", 12346: "403"} {
		if got := callAs(t, uid, d.socket); !strings.Contains(got, want) {
			t.Errorf("uid %d: %s", uid, got)
		}
	}

	reload := func(text string) {
		if err := os.WriteFile(filepath.Join(d.dir, "supervise.toml"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		d.gets(200, "POST /v1/reload", nil)
	}
	reload(list("[12346]"))
	for uid, want := range map[int]string{12345: "403", 12346: "200"} {
		if got := callAs(t, uid, d.socket); !strings.Contains(got, want) {
			t.Errorf("after a reload, uid %d: %s", uid, got)
		}
	}
	reload(list("[]"))
	if mode := modeOf(t, d.socket); mode != os.ModeSocket|0o600 {
		t.Errorf("with nobody listed the socket has mode %v", mode)
	}
	d.stop()
}

// The default directory lets those through who are listed, whether it was there
// or not; another on the way that does not is told of.
func TestListedUsersGetToTheDefaultSocket(t *testing.T) {
	t.Parallel()
	upRoot(t)
	for name, prepare := range map[string]func(dir string) error{
		"new": func(string) error { return nil },
		"old": func(dir string) error { return os.Mkdir(filepath.Join(dir, "supervise"), 0o700) },
	} {
		dir := shortDir(t)
		if err := prepare(dir); err != nil {
			t.Fatal(err)
		}
		plan := upPlan{config: "[supervisor]\nallow_uids = [12345]\n" + oneSleeper, env: []string{"XDG_RUNTIME_DIR=" + dir}}
		u := upStart(t, plan)
		u.until("service.running", "web")
		socket := onlySocket(t, filepath.Join(dir, "supervise"))
		if got := callAs(t, 12345, socket); !strings.Contains(got, "200") {
			t.Errorf("%s: %s", name, got)
		}
		if mode := modeOf(t, filepath.Dir(socket)); mode.Perm() != 0o711 {
			t.Errorf("%s: the directory has mode %v", name, mode)
		}
		u.stop()
		if text := u.stderr.String(); strings.Contains(text, "allow_uids") {
			t.Errorf("%s: %s", name, text)
		}

		if err := os.Chmod(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		u = upStart(t, plan)
		u.until("service.running", "web")
		u.stop()
		if text := u.stderr.String(); !strings.Contains(text, dir+" lets nobody else pass") {
			t.Errorf("%s: with a closed directory above: %q", name, text)
		}
	}
}

func onlySocket(t testing.TB, dir string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "*.sock"))
	if err != nil || len(found) != 1 {
		t.Fatalf("in %s are %v, %v", dir, found, err)
	}
	return found[0]
}

func TestDefaultSocketIsNamedAfterTheConfiguration(t *testing.T) {
	t.Parallel()
	dir := shortDir(t)
	u := upStart(t, upPlan{config: oneSleeper, env: []string{"XDG_RUNTIME_DIR=" + dir}})
	u.until("service.running", "web")
	socket := onlySocket(t, filepath.Join(dir, "supervise"))
	if name := filepath.Base(socket); !strings.HasPrefix(name, filepath.Base(u.dir)+"-") {
		t.Errorf("the socket is called %s", name)
	}
	if mode := modeOf(t, filepath.Dir(socket)); mode.Perm() != 0o700 {
		t.Errorf("the directory has mode %v", mode)
	}
	u.stop()
	if left, _ := os.ReadDir(filepath.Dir(socket)); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

func TestWithoutARuntimeDirectoryThereIsOneForEachUser(t *testing.T) {
	t.Parallel()
	upRoot(t)
	uid := 20_000 + os.Getpid()%30_000 // another for each run of the tests: the directory has its name from it
	dir := fmt.Sprintf("/tmp/supervise-%d", uid)
	asUser := func(cmd *exec.Cmd) {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(uid)}
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	for _, env := range []string{"XDG_RUNTIME_DIR=", "XDG_RUNTIME_DIR=" + shortDir(t), "XDG_RUNTIME_DIR=relative"} { // that of root, which is not his
		u := upStart(t, upPlan{config: oneSleeper, env: []string{env}, prepare: asUser})
		u.until("service.running", "web")
		socket := onlySocket(t, dir)
		if got := callAs(t, uid, socket); !strings.Contains(got, "200") {
			t.Error(got)
		}
		u.stop()
	}

	// In /tmp anybody may have been first: with a link to a directory of the
	// user's own, with a directory, or with one that all may write to.
	victim := shortDir(t)
	if err := os.Chown(victim, uid, uid); err != nil {
		t.Fatal(err)
	}
	for name, attack := range map[string]func() error{
		"link":        func() error { return os.Symlink(victim, dir) },
		"broken link": func() error { return os.Symlink(victim+"/new", dir) },
		"foreign":     func() error { return os.Mkdir(dir, 0o777) },
		"writable": func() error {
			err := os.Mkdir(dir, 0o700)
			return firstOf(err, os.Chmod(dir, 0o777), os.Chown(dir, uid, uid))
		},
		"file": func() error { return os.WriteFile(dir, nil, 0o644) },
	} {
		if err := firstOf(os.RemoveAll(dir), attack()); err != nil {
			t.Fatal(err)
		}
		u := upStart(t, upPlan{config: oneSleeper, env: []string{"XDG_RUNTIME_DIR="}, prepare: asUser})
		u.until("service.running", "web") // nobody asked for a socket
		u.stop()
		if text := u.stderr.String(); !strings.Contains(text, "warning: no control socket: "+dir+" is not a directory that only you may write to") {
			t.Errorf("%s: %q", name, text)
		}
		if left, _ := os.ReadDir(victim); len(left) > 0 {
			t.Errorf("%s: there is %v now", name, left)
		}
	}
}

func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func TestSocketOfAKilledSuperviseIsReplaced(t *testing.T) {
	t.Parallel()
	d := openDesk(t, upPlan{config: oneSleeper})
	d.signal(syscall.SIGKILL)
	d.end()
	if _, err := os.Lstat(d.socket); err != nil {
		t.Fatalf("the killed one left no socket: %v", err)
	}
	u := upStart(t, upPlan{config: oneSleeper, flags: []string{"--log-format", "json", "--socket", d.socket}})
	u.until("service.running", "web")
	var info api.Info
	if d.gets(200, "GET /v1/info", &info); info.PID != u.pid() {
		t.Errorf("pid %d answers, want %d", info.PID, u.pid())
	}
	u.stop()
}

func TestSocketOfALivingSuperviseIsNotTaken(t *testing.T) {
	t.Parallel()
	d := openDesk(t, upPlan{config: oneSleeper})
	plan := upPlan{config: "[services.web]\ncommand = \"sh -c 'echo started >marker'\"", flags: []string{"--socket", d.socket}}
	second := upStart(t, plan)
	second.ends(2)
	want := fmt.Sprintf("another supervise (pid %d) listens at %s already; stop it (supervise shutdown), or give this one another --socket", d.pid(), d.socket)
	if text := second.stderr.String(); !strings.Contains(text, want) {
		t.Errorf("it says %q", text)
	}
	if _, err := os.Stat(filepath.Join(second.dir, "marker")); err == nil {
		t.Error("the second one has started something")
	}
	var info api.Info
	if d.gets(200, "GET /v1/info", &info); info.PID != d.pid() {
		t.Errorf("pid %d answers", info.PID)
	}

	// The same configuration has the same default socket.
	dir := shortDir(t)
	first := upStart(t, upPlan{config: oneSleeper, env: []string{"XDG_RUNTIME_DIR=" + dir}})
	first.until("service.running", "web")
	third := exec.Command(binary, "up", "-c", filepath.Join(first.dir, "supervise.toml"))
	third.Env = append(os.Environ(), "XDG_RUNTIME_DIR="+dir)
	out, err := third.CombinedOutput()
	if third.ProcessState.ExitCode() != 2 || !strings.Contains(string(out), fmt.Sprintf("another supervise (pid %d)", first.pid())) {
		t.Errorf("%v: %s", err, out)
	}
	first.stop()
	d.stop()
}

func TestOfManyThatStartAtOnceOneWins(t *testing.T) {
	t.Parallel()
	dir := shortDir(t)
	for round := range 4 {
		socket := filepath.Join(dir, fmt.Sprint("s", round))
		if round%2 == 1 { // beside the remains of another
			for _, path := range []string{socket, socket + ".new"} {
				l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
				if err != nil {
					t.Fatal(err)
				}
				l.SetUnlinkOnClose(false)
				l.Close()
			}
			if err := os.WriteFile(socket+".lock", nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		var all []*upSession
		for range 6 {
			all = append(all, upStart(t, upPlan{config: oneSleeper, flags: []string{"--log-format", "json", "--socket", socket}}))
		}
		var winner *upSession
		for _, u := range all {
			u.when("it runs or has ended", func() bool { return len(u.all("service.running", "web")) > 0 || ended(u) })
			if len(u.all("service.running", "web")) > 0 {
				if winner != nil {
					t.Error("two have started")
				}
				winner = u
			} else {
				u.ends(2)
			}
		}
		if winner == nil {
			t.Fatal("none has started")
		}
		var info api.Info
		d := &desk{upSession: winner, socket: socket, client: clientOf(socket)}
		if d.gets(200, "GET /v1/info", &info); info.PID != winner.pid() {
			t.Errorf("pid %d answers, want %d", info.PID, winner.pid())
		}
		d.client.CloseIdleConnections()
		winner.stop()
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

func ended(u *upSession) bool {
	select {
	case <-u.ended:
		return true
	default:
		return false
	}
}

func TestWhatIsNoSocketIsLeftAlone(t *testing.T) {
	t.Parallel()
	dir := shortDir(t)
	path := filepath.Join(dir, "precious")
	if err := os.WriteFile(path, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(dir, "link")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	for _, socket := range []string{path, link, dir} {
		text := upRefused(t, upPlan{config: oneSleeper, flags: []string{"--socket", socket}}, 2)
		if !strings.Contains(text, socket+" is there and is no socket; it is left alone, name another with --socket") {
			t.Errorf("it says %q", text)
		}
	}
	if b, err := os.ReadFile(path); err != nil || string(b) != "precious" {
		t.Errorf("%q, %v", b, err)
	}
	// Nor is the lock made where a link leads.
	if err := os.Symlink(filepath.Join(dir, "made"), filepath.Join(dir, "s.lock")); err != nil {
		t.Fatal(err)
	}
	text := upRefused(t, upPlan{config: oneSleeper, flags: []string{"--socket", filepath.Join(dir, "s")}}, 2)
	if _, err := os.Lstat(filepath.Join(dir, "made")); err == nil || !strings.Contains(text, "locking the control socket") {
		t.Errorf("it says %q, and %v", text, err)
	}
}

func TestPathThatIsTooLong(t *testing.T) {
	t.Parallel()
	dir := shortDir(t)
	long := filepath.Join(dir, strings.Repeat("x", 108-len(dir)-1))
	text := upRefused(t, upPlan{config: oneSleeper, flags: []string{"--socket", long}}, 2)
	if !strings.Contains(text, "the path of the control socket has 108 bytes, and the kernel takes 107: "+long+"; name a shorter one with --socket") {
		t.Errorf("it says %q", text)
	}
	fits := long[:107]
	u := upStart(t, upPlan{config: oneSleeper, flags: []string{"--log-format", "json", "--socket", fits}})
	u.until("service.running", "web")
	if got := callAs(t, os.Getuid(), fits); !strings.Contains(got, "200") {
		t.Error(got)
	}
	u.stop()
	// A default that would be too long is no reason not to start.
	u = upStart(t, upPlan{config: oneSleeper, env: []string{"XDG_RUNTIME_DIR=" + filepath.Join(dir, strings.Repeat("y", 90))}})
	u.until("service.running", "web")
	u.stop()
	if text := u.stderr.String(); !strings.Contains(text, "warning: no control socket: the path") {
		t.Errorf("it says %q", text)
	}
}

func TestReadOnlyRuntimeDirectoryIsAWarning(t *testing.T) {
	t.Parallel()
	upRoot(t)
	dir := shortDir(t)
	if err := unix.Mount("tmpfs", dir, "tmpfs", unix.MS_RDONLY, ""); err != nil {
		upNeeds(t, "a mount", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	u := upStart(t, upPlan{config: oneSleeper, env: []string{"XDG_RUNTIME_DIR=" + dir}})
	u.until("service.running", "web")
	u.stop()
	if text := u.stderr.String(); !strings.Contains(text, "warning: no control socket: making the directory of the control socket") || !strings.Contains(text, "read-only file system") {
		t.Errorf("it says %q", text)
	}
	// One that was asked for has to be there.
	if text := upRefused(t, upPlan{config: oneSleeper, flags: []string{"--socket", dir + "/x/s"}}, 2); !strings.Contains(text, "read-only file system") {
		t.Errorf("it says %q", text)
	}
}

func TestNoSocketAtAll(t *testing.T) {
	t.Parallel()
	dir := shortDir(t)
	u := upStart(t, upPlan{config: oneSleeper, flags: []string{"--log-format", "json", "--socket", "none"}, env: []string{"XDG_RUNTIME_DIR=" + dir}})
	u.until("service.running", "web")
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("there is %v", left)
	}
	u.stop()
}

// A failure after the socket was made takes it away again.
func TestFailedStartLeavesNoSocket(t *testing.T) {
	t.Parallel()
	dir := shortDir(t)
	for _, flags := range [][]string{{"--log-format", "neither"}, {"--trace", "/no/such/directory/x"}} {
		upRefused(t, upPlan{config: oneSleeper, flags: slices.Concat(flags, []string{"--socket", filepath.Join(dir, "s")})}, 2)
	}
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	config := fmt.Sprintf("[supervisor]\nmetrics = %q\n", busy.Addr()) + oneSleeper
	text := upRefused(t, upPlan{config: config, flags: []string{"--socket", filepath.Join(dir, "s")}}, 2)
	if want := fmt.Sprintf("supervisor.metrics: something else listens at %s already; name another port", busy.Addr()); !strings.Contains(text, want) {
		t.Errorf("it says %q", text)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}
