package logfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var noon = time.Date(2026, 11, 26, 12, 0, 0, 5, time.UTC)

func packer(t testing.TB) *Packer {
	p := NewPacker(func(string, error) {})
	t.Cleanup(p.Close)
	return p
}

// whole is all that the file and its parts have, by the reader.
func whole(t testing.TB, path string) string {
	t.Helper()
	h, err := OpenHistory(path)
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	r := h.All()
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func names(t testing.TB, path string) []string {
	t.Helper()
	entries, err := entriesOf(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(entries)
	return entries
}

// Whatever is written in whatever chunks: all of it is there, in order, in
// files that end with a line and are not much larger than they may be.
func TestRotationLosesNothingAndSplitsNoLine(t *testing.T) {
	dir := t.TempDir()
	round := 0
	rapid.Check(t, func(t *rapid.T) {
		round++
		path := filepath.Join(dir, fmt.Sprint(round), "current")
		limit := rapid.Int64Range(1, 300).Draw(t, "max_size")
		p := NewPacker(func(string, error) {})
		defer p.Close()
		f := New(path, Policy{MaxSize: limit}, p)
		var all []byte
		longest := 0
		now := noon
		for range rapid.IntRange(1, 15).Draw(t, "writes") {
			var chunk []byte
			for range rapid.IntRange(0, 5).Draw(t, "lines") {
				n := rapid.OneOf(rapid.IntRange(0, min(20, int(limit)-1)), rapid.IntRange(0, int(limit)-1)).Draw(t, "length")
				longest = max(longest, n+1)
				chunk = append(append(chunk, bytes.Repeat([]byte{'x'}, n)...), '\n')
			}
			cut := len(chunk)
			if rapid.Bool().Draw(t, "in two") {
				cut = rapid.IntRange(0, len(chunk)).Draw(t, "cut")
			}
			for _, b := range [][]byte{chunk[:cut], chunk[cut:]} {
				if n, err := f.Write(b, now); n != len(b) || err != nil {
					t.Fatal(n, err)
				}
			}
			all = append(all, chunk...)
			switch rapid.IntRange(0, 8).Draw(t, "between") {
			case 0:
				now = now.Add(time.Second)
			case 1:
				now = now.Add(-time.Hour) // the clock is set back
			case 2:
				if err := f.Rotate(now); err != nil {
					t.Fatal(err)
				}
			case 3:
				if err := f.Reopen(now); err != nil {
					t.Fatal(err)
				}
			case 4:
				f.Close()
				f = New(path, Policy{MaxSize: limit}, p)
			}
		}
		f.Close()
		h, err := OpenHistory(path)
		if err != nil {
			t.Fatal(err)
		}
		defer h.Close()
		got, err := io.ReadAll(h.All())
		if err != nil || !bytes.Equal(got, all) {
			t.Fatalf("%d bytes came of %d, %v", len(got), len(all), err)
		}
		for _, part := range h.parts {
			b, err := os.ReadFile(filepath.Join(h.dir, part.Name))
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.HasSuffix(b, []byte("\n")) {
				t.Fatalf("%s ends within a line", part.Name)
			}
			if most := int(limit) + longest; len(b) > most {
				t.Fatalf("%s has %d bytes, more than %d", part.Name, len(b), most)
			}
		}
		lines := strings.SplitAfter(string(all), "\n")
		lines = lines[:len(lines)-1]
		n := rapid.IntRange(0, len(lines)+3).Draw(t, "tail")
		r, err := h.Tail(n)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		got, err = io.ReadAll(r)
		if want := strings.Join(lines[max(0, len(lines)-n):], ""); string(got) != want || err != nil {
			t.Fatalf("the last %d lines: got %q, want %q (%v)", n, got, want, err)
		}
	})
}

func TestLineWithoutAnEndIsSplitAtTwiceTheSize(t *testing.T) {
	path := filepath.Join(t.TempDir(), "current")
	f := New(path, Policy{MaxSize: 1000}, packer(t))
	defer f.Close()
	for range 50 {
		if _, err := f.Write(bytes.Repeat([]byte("x"), 100), noon); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range names(t, path) {
		if info, err := os.Stat(filepath.Join(filepath.Dir(path), name)); err != nil || info.Size() > 2000 {
			t.Errorf("%s: %d bytes, %v", name, info.Size(), err)
		}
	}
	if got := whole(t, path); len(got) != 5000 {
		t.Errorf("%d bytes of 5000", len(got))
	}
}

func TestOnlySoManyAreKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.log")
	f := New(path, Policy{MaxSize: 10, MaxFiles: 3}, packer(t))
	defer f.Close()
	strange := path + ".not-ours"
	if err := os.WriteFile(strange, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		if _, err := f.Write(fmt.Appendf(nil, "line %03d\n", i), noon); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := whole(t, path), "line 016\nline 017\nline 018\nline 019\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if _, err := os.Stat(strange); err != nil {
		t.Error("a file that is none of ours was removed:", err)
	}
}

func TestAgeRotatesAtTheEndOfALine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "current")
	f := New(path, Policy{MaxAge: time.Minute}, packer(t))
	defer f.Close()
	if !f.Deadline().IsZero() {
		t.Error("an empty file has a deadline")
	}
	write := func(text string) {
		if _, err := f.Write([]byte(text), noon); err != nil {
			t.Fatal(err)
		}
	}
	write("old\nbegun")
	if got, want := f.Deadline(), noon.Add(time.Minute); !got.Equal(want) {
		t.Errorf("deadline %v, want %v", got, want)
	}
	if err := f.Rotate(noon.Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	write(" and ended\nnew\n")
	parts, err := Parts(path)
	if err != nil || len(parts) != 1 {
		t.Fatal(parts, err)
	}
	if b, _ := os.ReadFile(filepath.Join(filepath.Dir(path), parts[0].Name)); string(b) != "old\nbegun and ended\n" {
		t.Errorf("rotated: %q", b)
	}
}

func TestWhatIsThereIsContinued(t *testing.T) {
	path := filepath.Join(t.TempDir(), "current")
	if err := os.WriteFile(path, []byte("a\nhalf"), 0o644); err != nil {
		t.Fatal(err)
	}
	f := New(path, Policy{}, packer(t))
	defer f.Close()
	if err := f.Open(noon); err != nil || !f.MidLine() || f.Size() != 6 {
		t.Fatal(err, f.MidLine(), f.Size())
	}
	if err := os.Truncate(path, 0); err != nil { // as copytruncate does
		t.Fatal(err)
	}
	if _, err := f.Write([]byte("b\n"), noon); err != nil {
		t.Fatal(err)
	}
	if got := whole(t, path); got != "b\n" {
		t.Errorf("got %q", got)
	}
}

func TestNoRegularFileIsRefused(t *testing.T) {
	for _, path := range []string{"/dev/null", t.TempDir()} {
		f := New(path, Policy{}, packer(t))
		if err := f.Open(noon); err == nil {
			t.Errorf("%s was opened", path)
		}
		if err := f.Open(noon); err == nil {
			t.Errorf("%s was opened the second time", path)
		}
	}
}

// killed is what a test panics with where a kill would strike.
type killed struct{ step string }

// Who may write to the directory of a log file, a service perhaps, has no other
// file written, emptied or shown by putting a symbolic link where one of ours
// would be.
func TestNoSymbolicLinkIsFollowed(t *testing.T) {
	dir := t.TempDir()
	secret, path := filepath.Join(dir, "secret"), filepath.Join(dir, "log", "current")
	if err := os.WriteFile(secret, []byte("secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	part, _ := partName("current", noon, time.Time{})
	link := func(name string) {
		t.Helper()
		name = filepath.Join(dir, "log", name)
		if err := os.RemoveAll(filepath.Dir(name)); err != nil {
			t.Fatal(err)
		}
		if err := os.Mkdir(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(secret, name); err != nil {
			t.Fatal(err)
		}
	}
	link("current")
	if _, err := New(path, Policy{}, packer(t)).Write([]byte("x\n"), noon); err == nil || !strings.Contains(err.Error(), "symbolic link") {
		t.Errorf("writing: %v", err)
	}
	if _, err := OpenHistory(path); err == nil || !strings.Contains(err.Error(), "symbolic link") {
		t.Errorf("reading: %v", err)
	}
	for _, name := range []string{part, part + packed} {
		link(name)
		h, err := OpenHistory(path)
		if err != nil {
			t.Fatal(err)
		}
		r := h.All()
		if b, err := io.ReadAll(r); err == nil || len(b) > 0 {
			t.Errorf("reading %s gives %q, %v", name, b, err)
		}
		r.Close()
		h.Close()
	}
	link(part)
	NewPacker(func(string, error) {}).tidy(path, Policy{Compress: true})
	if got := names(t, path); !slices.Equal(got, []string{part}) {
		t.Errorf("compressing a link leaves %q", got)
	}
	link(part + unpacked)
	plain := filepath.Join(dir, "log", part)
	if err := os.WriteFile(plain, []byte("line\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := NewPacker(func(string, error) {}).compress(plain, plain+unpacked); err != nil {
		t.Error(err)
	}
	if b, err := os.ReadFile(secret); err != nil || string(b) != "secret\n" {
		t.Errorf("the other file is %q now, %v", b, err)
	}
}

// The n-th step of rotating and compressing is the last one that happens, for
// each n. Whatever that leaves, the next start has every line once, and in the
// end nothing but whole files.
func TestKillAtEachStepLeavesNothingHalf(t *testing.T) {
	seen := map[string]bool{}
	for n := 1; ; n++ {
		path := filepath.Join(t.TempDir(), "current")
		policy := Policy{MaxSize: 60, Compress: true}
		steps := 0
		strike := func(step string) {
			if steps++; steps == n {
				panic(killed{step})
			}
		}
		// The packer is not run as a goroutine, so that its steps are in order.
		idle := NewPacker(func(string, error) {})
		idle.done = make(chan struct{})
		close(idle.done)
		idle.step = strike
		f := New(path, policy, idle)
		f.step = strike
		written := 0
		died := func() (died bool) {
			defer func() {
				if k, ok := recover().(killed); ok {
					died, seen[k.step] = true, true
				}
			}()
			for written < 12 {
				if _, err := f.Write(fmt.Appendf(nil, "this is line %2d\n", written), noon); err != nil {
					t.Fatal(err)
				}
				written++
				if written%6 == 0 {
					idle.tidy(path, policy)
				}
			}
			return false
		}()
		if !died {
			break
		}
		f.Close()
		var want strings.Builder
		for i := range written {
			fmt.Fprintf(&want, "this is line %2d\n", i)
		}
		if got := whole(t, path); got != want.String() {
			t.Fatalf("killed before step %d, readers get %q, want %q", n, got, want.String())
		}
		p := NewPacker(func(string, error) {})
		p.Close() // its goroutine is not to begin
		next := New(path, policy, p)
		if _, err := next.Write([]byte("after\n"), noon); err != nil {
			t.Fatal(err)
		}
		next.Close()
		NewPacker(func(string, error) {}).tidy(path, policy)
		if got := whole(t, path); got != want.String()+"after\n" {
			t.Fatalf("killed before step %d, after the next start there is %q", n, got)
		}
		for _, name := range names(t, path) {
			if name != "current" && !strings.HasSuffix(name, packed) {
				t.Errorf("killed before step %d, %s is left", n, name)
			}
		}
	}
	for _, step := range []string{"create", "rename", "prune", "create packed", "sync packed", "rename packed", "remove packed"} {
		if !seen[step] {
			t.Errorf("nothing was killed before %q", step)
		}
	}
}

func TestTailReadsCompressedParts(t *testing.T) {
	path := filepath.Join(t.TempDir(), "current")
	p := packer(t)
	policy := Policy{MaxSize: 200, Compress: true}
	f := New(path, policy, p)
	defer f.Close()
	var lines []string
	for i := range 100 {
		line := fmt.Sprintf("line %d\n", i)
		lines = append(lines, line)
		if _, err := f.Write([]byte(line), noon); err != nil {
			t.Fatal(err)
		}
	}
	other := NewPacker(func(string, error) {})
	defer other.Close()
	p.Close()
	other.tidy(path, policy)
	if parts, err := Parts(path); err != nil || len(parts) < 3 || !parts[0].Packed || parts[0].Plain {
		t.Fatal(parts, err)
	}
	h, err := OpenHistory(path)
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	for n := range 105 {
		r, err := h.Tail(n)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(r)
		r.Close()
		if want := strings.Join(lines[max(0, 100-n):], ""); string(got) != want || err != nil {
			t.Fatalf("the last %d lines are %q, want %q, %v", n, got, want, err)
		}
	}
}

func TestNamesSortAsTheyWereRotated(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var last time.Time
		var names []string
		now := noon
		for range rapid.IntRange(2, 20).Draw(t, "rotations") {
			now = now.Add(time.Duration(rapid.Int64Range(-int64(time.Hour), int64(time.Hour)).Draw(t, "passes")))
			var name string
			name, last = partName("x", now, last)
			p, ok := parsePart("x", name)
			if !ok || !p.Stamp.Equal(last) {
				t.Fatalf("%s is read as %v, %v", name, p, ok)
			}
			names = append(names, name)
		}
		if !slices.IsSorted(names) || len(slices.Compact(slices.Clone(names))) != len(names) {
			t.Fatal(names)
		}
		keep := rapid.IntRange(0, 25).Draw(t, "keep")
		entries := append(slices.Clone(names), "x", "y", names[0]+packed, names[1]+unpacked)
		parts := partsOf("x", entries)
		gone := expired(parts, keep)
		switch {
		case len(parts) != len(names):
			t.Fatalf("%d parts of %d", len(parts), len(names))
		case keep == 0 && len(gone) > 0, keep > 0 && len(parts)-len(gone) != min(keep, len(parts)):
			t.Fatalf("%d of %d are removed, %d may stay", len(gone), len(parts), keep)
		case len(gone) > 0 && gone[len(gone)-1].Name >= parts[len(gone)].Name:
			t.Fatal("not the oldest are removed")
		}
	})
}

func FuzzPartNames(f *testing.F) {
	for _, s := range []string{"current.20261126T120000.000000005Z", "current.20261126T120000.000000005Z.gz", "current.x.gz.tmp", "current", "current.20261331T120000.000000005Z"} {
		f.Add("current", s)
	}
	f.Fuzz(func(t *testing.T, base, entry string) {
		if p, ok := parsePart(base, entry); ok {
			if entry != p.Name && entry != p.Name+packed {
				t.Errorf("%q of %q is read as %q", entry, base, p.Name)
			}
			if name, _ := partName(base, p.Stamp, time.Time{}); p.Stamp.Year() > 0 && name != p.Name {
				t.Errorf("%q is written %q", p.Name, name)
			}
		}
		if _, both := parsePart(base, entry); both && isUnfinished(base, entry) {
			t.Errorf("%q is a part and unfinished", entry)
		}
	})
}

func TestACompressionThatFailsIsToldOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "current")
	name, _ := partName("current", noon, time.Time{})
	part := filepath.Join(filepath.Dir(path), name)
	var told []error
	p := NewPacker(func(at string, err error) {
		if at != path {
			t.Errorf("told of %s", at)
		}
		told = append(told, err)
	})
	defer p.Close()
	fail := func(yes bool) {
		t.Helper()
		// In the way of what is to be written: a directory that is not empty.
		err := os.RemoveAll(part + unpacked)
		if yes {
			err = errors.Join(os.MkdirAll(part+unpacked+"/x", 0o755), os.WriteFile(part, []byte("line\n"), 0o644))
		}
		if err != nil {
			t.Fatal(err)
		}
		p.tidy(path, Policy{Compress: true})
	}
	fail(true)
	fail(true)
	if len(told) != 1 || !strings.Contains(told[0].Error(), "file exists") {
		t.Fatal(told)
	}
	fail(false)
	if parts, err := Parts(path); err != nil || len(parts) != 1 || parts[0].Plain {
		t.Fatal(parts, err)
	}
	fail(true) // the .gz of before is whole: nothing to do but to remove the other
	if err := os.Remove(part + packed); err != nil {
		t.Fatal(err)
	}
	fail(true)
	if len(told) != 2 {
		t.Fatal("after a success:", told)
	}
	if err := os.Remove(part); err != nil {
		t.Fatal(err)
	}
	p.report(path, p.pack(part)) // it was pruned
	if len(told) != 2 {
		t.Fatal("of what is not there any more:", told)
	}
}
