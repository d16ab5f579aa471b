package test

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"

	"supervise/internal/needed"
)

// TestRunit plays each scene twice: with the runsvdir and runsv of Debian, and
// with our link in their place, both steered by Debian's sv, and compares all
// that can be seen: the files in supervise, the answers of sv, what scripts find
// and in which order they run, what is left at the end.
//
// Nearly all of the time is waiting (runsv's pause of a second, sv's polls), so
// very many scenes are played at once. They are played in a PID namespace of
// their own, by a player (see playRunitScenes), and nothing gets out of that.
//
// RUNIT_OURS=/usr/bin compares runit with itself: whatever differs then is chance.
func TestRunit(t *testing.T) {
	t.Parallel()
	dependOnSources(t)
	for _, name := range []string{"runsvdir", "runsv", "sv"} {
		_, err := os.Stat("/usr/bin/" + name)
		needed.That(t, err == nil, name)
	}
	root := worlds[0]
	root.needed(t)
	ours := os.Getenv("RUNIT_OURS")
	if ours == "" {
		ours = runitLinks(t)
	}
	cmd := root.command(newStage(t), program("runit-player"), ours, wantedScenes())
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := start(cmd); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	played := 0
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var r runitResult
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			t.Fatalf("the player says %q: %v", lines.Text(), err)
		}
		played++
		t.Run(r.Scene, func(t *testing.T) { r.judge(t) })
	}
	if want := len(runitScenesWanted(wantedScenes())); played != want {
		t.Errorf("%d scenes were played, of %d", played, want)
	}
}

// runitResult is what both sides recorded.
type runitResult struct {
	Scene      string
	Real, Ours []string
	Tries      int
	Before     string // how they differed before the last try
}

func (r runitResult) judge(t *testing.T) {
	why := runitIntended[r.Scene]
	switch {
	case !r.differs() && why != "":
		t.Errorf("no difference any more, although one was meant (%s):\n%s", why, strings.Join(r.Ours, ""))
	case r.differs() && why == "":
		t.Errorf("they differ, %d times:\n%s", r.Tries, r.difference())
	case r.Tries > 1:
		t.Logf("as it should be at the %d. time only:\n%s", r.Tries, r.Before)
	default:
		t.Logf("\n%s", strings.Join(r.Real, ""))
	}
}

func (r runitResult) differs() bool {
	return strings.Join(r.Real, "") != strings.Join(r.Ours, "")
}

// difference shows the steps up to the first that differs, and that of both.
func (r runitResult) difference() string {
	var text strings.Builder
	for k := range max(len(r.Real), len(r.Ours)) {
		one, two := "nothing\n", "nothing\n"
		if k < len(r.Real) {
			one = r.Real[k]
		}
		if k < len(r.Ours) {
			two = r.Ours[k]
		}
		if one != two {
			fmt.Fprintf(&text, "----- runit:\n%s----- ours:\n%s", one, two)
			break
		}
		text.WriteString(one)
	}
	return text.String()
}

// runitLinks makes our links.
func runitLinks(t *testing.T) string {
	dir := filepath.Join(stageDir, "runit-links")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(dir, "runsvdir")
	if err := os.Symlink(binary, link); err != nil && !os.IsExist(err) {
		t.Fatal(err)
	}
	return dir
}

// wantedScenes is the second part of -run: only those scenes are played.
func wantedScenes() string {
	_, scenes, _ := strings.Cut(flag.Lookup("test.run").Value.String(), "/")
	return scenes
}

func runitScenesWanted(pattern string) (wanted []runitScene) {
	re := regexp.MustCompile(pattern)
	for _, s := range allRunitScenes() {
		if re.MatchString(strings.ReplaceAll(s.name, " ", "_")) {
			wanted = append(wanted, s)
		}
	}
	return wanted
}

// So many scenes are played at once. They wait more than they work.
const runitScenesAtOnce = 128

// How often a scene is played until both sides are as they should be: a machine
// that stands still for a second changes what sv and runsv see.
const runitTries = 3

// playRunitScenes plays scenes, many at once, and writes what was recorded:
//
//	runit-player OURS PATTERN
//
// It is PID 1 of its namespace. What it adopts and does not reap are zombies,
// which end with it.
func playRunitScenes() {
	ours, pattern := os.Args[1], os.Args[2]
	runit, our := runitSide{dir: "/usr/bin", settle: true}, runitSide{dir: ours, settle: ours == "/usr/bin"}
	rest := &restScanner{marks: map[int]string{}}
	var mu sync.Mutex
	out := json.NewEncoder(os.Stdout)
	slots := make(chan struct{}, runitScenesAtOnce)
	var all sync.WaitGroup
	for _, s := range runitScenesWanted(pattern) {
		slots <- struct{}{}
		all.Go(func() {
			defer func() { <-slots }()
			r := runitResult{Scene: s.name}
			for r.Tries = 1; ; r.Tries++ {
				r.Real = playRunit(runit, s, nil, rest)
				r.Ours = playRunit(our, s, r.Real, rest)
				if r.Tries == runitTries || r.differs() == (runitIntended[s.name] != "") {
					break
				}
				r.Before = r.difference()
			}
			mu.Lock()
			defer mu.Unlock()
			_ = out.Encode(r)
		})
	}
	all.Wait()
}
