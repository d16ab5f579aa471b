package watch

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"supervise/internal/config"
)

// By the times of files, a change that nobody was told of is found, and what is ignored is
// none.
func TestChangesThatNobodyWasToldOf(t *testing.T) {
	early, soon, late := time.Now().Add(-time.Hour), time.Now().Add(9*time.Second), time.Now().Add(time.Hour)
	for _, c := range []struct {
		what string
		left Left
		make string // a file
		want string // what has changed
	}{
		{"nothing", Left{Since: late, Ended: late}, "", ""},
		{"what is known", Left{Since: late, Untold: "/it", Ended: late}, "", "/it"},
		{"a file, when nobody watched", Left{Since: early, Ended: early}, "", "src"},
		{"a file, just before the end", Left{Since: early, Ended: soon}, "src/x.log", "src/a"},
		{"a file, long before the end", Left{Since: early, Ended: late}, "", ""},
		{"without an end", Left{Since: early}, "", "src"},
		{"all that was told", Left{Since: late}, "src/x.log", ""},
	} {
		t.Run(c.what, func(t *testing.T) {
			dir := t.TempDir()
			src := filepath.Join(dir, "src")
			if err := os.Mkdir(src, 0o755); err != nil {
				t.Fatal(err)
			}
			for _, name := range []string{"src/a", c.make} {
				if name == "" {
					continue
				}
				if err := os.WriteFile(filepath.Join(dir, name), nil, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want := c.want
			if want != "" && want[0] != '/' {
				want = filepath.Join(dir, want)
			}
			if got := c.left.Changed(&config.Watch{Paths: []string{src}, Ignore: []string{"*.log"}}); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

// What changes as soon as a watcher begins is not before that, by the clock of files.
func TestAChangeAtTheBeginningCounts(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	for range 200 {
		left := Left{Since: fileTime()}
		if err := os.WriteFile(path, nil, 0o644); err != nil {
			t.Fatal(err)
		}
		if got := left.Changed(&config.Watch{Paths: []string{path}}); got != path {
			t.Fatalf("got %q", got)
		}
	}
}

// A watched directory to which something came that is ignored has not changed.
func TestWhatIsIgnoredChangesNoDirectory(t *testing.T) {
	dir := t.TempDir()
	spec := &config.Watch{Paths: []string{dir}, Ignore: []string{"*.log"}, Debounce: time.Hour}
	w, err := New(spec, func(string) {}, func(error) {})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "x.log"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	time.Sleep(2 * unseenDirectory) // it is long ago when the watcher ends
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if got := w.Left().Changed(spec); got != "" {
		t.Errorf("%s has changed", got)
	}
	if err := os.Remove(filepath.Join(dir, "x.log")); err != nil {
		t.Fatal(err)
	}
	if got := w.Left().Changed(spec); got != dir {
		t.Errorf("what goes when nobody watches is a change of the directory, not of %q", got)
	}
}
