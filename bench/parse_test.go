package main

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestParentIsFoundBehindANameWithParentheses(t *testing.T) {
	for stat, want := range map[string]int{
		"12 (sh) S 7 12 12 0":        7,
		"12 (a) b (c)) R 1 12 12 0":  1,
		"12 (x y z) Z 4096 0 0 0 -1": 4096,
	} {
		if got, ok := parseParent(stat); !ok || got != want {
			t.Errorf("parseParent(%q) = %d, %v, want %d", stat, got, ok, want)
		}
	}
	for _, stat := range []string{"", "12 (sh", "12 (sh) S"} {
		if got, ok := parseParent(stat); ok {
			t.Errorf("parseParent(%q) found %d", stat, got)
		}
	}
}

func TestFieldsOfProc(t *testing.T) {
	const status = "Name:\tcpause\nNSpid:\t812\t31\t5\nRss:    1304 kB\nPss_Dirty: 9 kB\nPss:  225 kB\nvoluntary_ctxt_switches:\t17\n"
	for name, want := range map[string]int64{"Rss": 1304, "Pss": 225, "voluntary_ctxt_switches": 17, "Swap": 0} {
		if got := field(status, name); got != want {
			t.Errorf("%s = %d, want %d", name, got, want)
		}
	}
	if got := innermostPid(status); got != 5 {
		t.Errorf("innermost pid %d, want 5", got)
	}
	if got := innermostPid("Name:\tcpause\n"); got != 0 {
		t.Errorf("innermost pid %d without NSpid, want 0", got)
	}
}

func TestNanosecondsKeepWhatDidNotHappen(t *testing.T) {
	got, err := parseNanoseconds("1500\n-1\n250\n", time.Microsecond)
	if err != nil || !slices.Equal(got, []float64{1.5, -1, 0.25}) {
		t.Errorf("got %v, %v", got, err)
	}
	if _, err := parseNanoseconds("1500\nhello\n", time.Microsecond); err == nil {
		t.Error("a word passed as a number")
	}
}

func TestReportsOfOneKindAreCounted(t *testing.T) {
	r, err := openReports(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer r.close()
	send := func(kind, pid int32, at time.Duration) {
		b := binary.NativeEndian.AppendUint32(nil, uint32(kind))
		b = binary.NativeEndian.AppendUint32(b, uint32(pid))
		b = binary.NativeEndian.AppendUint64(b, uint64(at))
		if _, err := r.file.Write(b); err != nil {
			t.Fatal(err)
		}
	}
	send(begin, 1, 5)
	send(started, 2, 6)
	send(started, 3, 7)
	send(noneLeft, 1, 8)
	if got, err := r.await(started, 2, time.Minute); err != nil || got != (report{started, 3, 7}) {
		t.Errorf("second start: %v, %v", got, err)
	}
	if _, err := r.await(started, 1, time.Minute); err == nil || !strings.Contains(err.Error(), "has ended") {
		t.Errorf("waiting for a start after the end: %v", err)
	}
}

func TestMeasuresAreChosenByName(t *testing.T) {
	for list, want := range map[string][]string{
		"":               measureNames(),
		"fleet,wrapper":  {"fleet", "startup", "memory", "forward", "orphans"},
		"fleets":         {"fleet", "death", "strays"},
		" memory, death": {"memory", "death"},
	} {
		if got, err := chooseMeasures(list); err != nil || !slices.Equal(got, want) {
			t.Errorf("-only %q: %v, %v", list, got, err)
		}
	}
	if _, err := chooseMeasures("fleet,speed"); err == nil {
		t.Error("an unknown measure passed")
	}
}

func TestEveryServiceIsConfigured(t *testing.T) {
	b := &bench{options: options{supervise: "/bin/supervise"}}
	for _, p := range knownPeers(b) {
		t.Run(p.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "services")
			command, err := p.configure(dir, spec{size: 12, service: "/bin/service", eager: true})
			if err != nil || len(command) == 0 {
				t.Fatalf("command %q, %v", command, err)
			}
			if p.name == cFloor {
				return // has no files
			}
			mentions := 0
			filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
				if target, err := os.Readlink(path); err == nil {
					mentions += strings.Count(target, "/bin/service")
				} else if err == nil || !entry.IsDir() {
					mentions += strings.Count(readFile(path), "/bin/service")
				}
				return nil
			})
			if mentions != 12 {
				t.Errorf("%d services are configured instead of 12", mentions)
			}
		})
	}
}
