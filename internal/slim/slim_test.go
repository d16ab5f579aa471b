package slim

import (
	"os"
	"strconv"
	"strings"
	"testing"
)

// resident gives how much of our own file is resident, in KiB.
func resident(t *testing.T) int { return statusField(t, "RssFile:") }

// anonymous gives how much is resident that no file has, in KiB.
func anonymous(t *testing.T) int { return statusField(t, "RssAnon:") }

// statusField reads a number of KiB from /proc/self/status (proc(5)).
func statusField(t *testing.T, name string) int {
	t.Helper()
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), name)
	n, err := strconv.Atoi(strings.Fields(rest)[0])
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestCodeGoesAndComesBack(t *testing.T) {
	if len(ownFile()) < 2 {
		t.Fatalf("found %d mappings of our file, want code and tables at least", len(ownFile()))
	}
	var all byte
	for _, m := range ownFile() { // make it resident
		for i := 0; i < len(m); i += 4096 {
			all += m[i]
		}
	}
	before := resident(t)
	Now()
	if after := resident(t); after > before*3/4 { // what runs comes back at once
		t.Errorf("%d KiB of %d stay", after, before)
	}
	for _, m := range ownFile() { // and it is the same as before
		for i := 0; i < len(m); i += 4096 {
			all -= m[i]
		}
	}
	if all != 0 {
		t.Error("code has changed")
	}
}

func TestLinesOfMaps(t *testing.T) {
	for line, want := range map[string]bool{
		"00400000-007ea000 r-xp 00000000 fe:00 10004123                           /bin/sv":    true,
		"00400000-007ea000 r--p 00000000 fe:00 10004123                           /bin/sv":    true,
		"00400000-007ea000 rw-p 00000000 fe:00 10004123                           /bin/sv":    false,
		"00400000-007ea000 r-xs 00000000 fe:00 10004123                           /bin/sv":    false,
		"00400000-007ea000 r-xp 00000000 fe:00 10004123                           /bin/other": false,
		"00400000-007ea000 r-xp 00000000 00:00 0":                                             false,
		"7ea000-400000 r-xp 00000000 fe:00 10004123 /bin/sv":                                  false,
		"x-y r-xp 00000000 fe:00 10004123 /bin/sv":                                            false,
		"": false,
	} {
		if _, _, ok := readOnly([]byte(line), "/bin/sv"); ok != want {
			t.Errorf("%q: %v", line, ok)
		}
	}
	if _, _, ok := readOnly([]byte("400000-500000 r-xp 0 fe:00 1 /bin/a b"), "/bin/a b"); !ok {
		t.Error("a path with a blank")
	}
}

func FuzzReadOnly(f *testing.F) {
	f.Add("00400000-007ea000 r-xp 00000000 fe:00 10004123 /bin/sv")
	f.Fuzz(func(t *testing.T, line string) {
		if from, to, ok := readOnly([]byte(line), "/bin/sv"); ok && from >= to {
			t.Errorf("%q: %x-%x", line, from, to)
		}
	})
}
