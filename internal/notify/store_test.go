package notify

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
	"pgregory.net/rapid"
)

// shelf stands for the kernel: a descriptor is an open file, its number modulo
// 100.
type shelf struct {
	open    map[int]bool
	watched map[int]uint64
	last    uint64
	wrong   []string
}

func newShelf() *shelf { return &shelf{open: map[int]bool{}, watched: map[int]uint64{}} }

func (s *shelf) Same(a, b int) bool { return a%100 == b%100 }

func (s *shelf) Watch(fd int) uint64 {
	s.last++
	s.watched[fd] = s.last
	return s.last
}

func (s *shelf) Release(fd int) {
	if !s.open[fd] {
		s.wrong = append(s.wrong, fmt.Sprintf("%d was closed, and is not open", fd))
	}
	delete(s.open, fd)
	delete(s.watched, fd)
}

// give makes descriptors that the store then has to look after.
func (s *shelf) give(fds ...int) []int {
	for _, fd := range fds {
		s.open[fd] = true
	}
	return fds
}

func listed(s *Store) string {
	var all []string
	for _, k := range s.List() {
		all = append(all, fmt.Sprintf("%d=%s", k.FD, k.Name))
	}
	return strings.Join(all, " ")
}

func TestStore(t *testing.T) {
	files := newShelf()
	s := NewStore(4, files)
	check := func(what, want string) {
		t.Helper()
		if got := listed(s); got != want {
			t.Errorf("%s: %q, want %q", what, got, want)
		}
		if len(files.open) != len(s.List()) || len(files.wrong) > 0 {
			t.Errorf("%s: open are %v; %v", what, files.open, files.wrong)
		}
	}
	check("empty", "")
	if err := s.Add(files.give(11, 12), "", false); err != nil {
		t.Error(err)
	}
	check("without a name", "11=stored 12=stored")
	if err := s.Add(files.give(111, 13), "log", true); err != nil {
		t.Error(err)
	}
	check("one of them twice", "11=stored 12=stored 13=log")
	if _, ok := files.watched[13]; ok || len(files.watched) != 2 {
		t.Errorf("watched are %v", files.watched)
	}
	err := s.Add(files.give(14, 15, 16, 112), "more", false)
	if err == nil || !strings.Contains(err.Error(), "2 of 4 descriptors called more were not stored: the service may store 4") {
		t.Errorf("says %v", err)
	}
	check("too many", "11=stored 12=stored 13=log 14=more")
	if n := s.Remove("stored"); n != 2 {
		t.Errorf("removed %d", n)
	}
	check("removed by name", "13=log 14=more")
	if n := s.Remove("stored"); n != 0 {
		t.Errorf("removed %d", n)
	}
	hungUp := HungUp{number: files.watched[14]}
	if was, ok := s.HungUp(hungUp); !ok || was.FD != 14 || was.Name != "more" {
		t.Errorf("dropped %+v, %v", was, ok)
	}
	check("hung up", "13=log")
	if err := s.Add(files.give(14), "again", false); err != nil {
		t.Error(err)
	}
	if was, ok := s.HungUp(hungUp); ok { // told late, of the one before
		t.Errorf("dropped %+v", was)
	}
	if was, ok := s.HungUp(HungUp{}); ok {
		t.Errorf("dropped %+v", was)
	}
	check("another with that number", "13=log 14=again")
	s.Clear()
	check("cleared", "")
}

// Whatever is done to it, a store keeps what it lists open, each once and not
// too many, and nothing else.
func TestStoreKeepsItsBooks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		files, limit, next := newShelf(), rapid.IntRange(0, 5).Draw(t, "limit"), 0
		s := NewStore(limit, files)
		names := rapid.SampledFrom([]string{"", "a", "b"})
		t.Repeat(map[string]func(*rapid.T){
			"add": func(t *rapid.T) {
				var fds []int
				for _, file := range rapid.SliceOfN(rapid.IntRange(0, 9), 0, 4).Draw(t, "files") {
					next++
					fds = append(fds, next*100+file)
				}
				before := len(s.List())
				err := s.Add(files.give(fds...), names.Draw(t, "name"), rapid.Bool().Draw(t, "keep"))
				if err != nil && len(s.List()) < limit {
					t.Errorf("refused with %d of %d: %v", before, limit, err)
				}
			},
			"remove": func(t *rapid.T) { s.Remove(names.Draw(t, "name")) },
			"hang up": func(t *rapid.T) {
				s.HungUp(HungUp{number: rapid.Uint64Range(0, files.last).Draw(t, "watch")})
			},
			"clear": func(*rapid.T) { s.Clear() },
			"": func(t *rapid.T) {
				seen, open := map[int]bool{}, map[int]bool{}
				for _, k := range s.List() {
					if seen[k.FD%100] {
						t.Errorf("file %d is kept twice", k.FD%100)
					}
					seen[k.FD%100], open[k.FD] = true, true
				}
				if len(open) > limit || len(files.wrong) > 0 || cmp.Diff(open, files.open) != "" {
					t.Errorf("kept %v of %d, open %v; %v", open, limit, files.open, files.wrong)
				}
			},
		})
	})
}

func TestTheSameOpenFile(t *testing.T) {
	h := open(t)
	files := h.receiver.Files("web")
	r, w := pipeEnds(t)
	twin, err := unix.Dup(int(r.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(twin)
	if !files.Same(int(r.Fd()), twin) || !files.Same(twin, twin) {
		t.Error("a copy counts as another file")
	}
	if files.Same(int(r.Fd()), int(w.Fd())) {
		t.Error("both ends of a pipe count as one file")
	}
	var opened [2]*os.File
	for i := range opened {
		if opened[i], err = os.Open("/dev/null"); err != nil {
			t.Fatal(err)
		}
		defer opened[i].Close()
	}
	if files.Same(int(opened[0].Fd()), int(opened[1].Fd())) {
		t.Error("a file that was opened twice counts as one open file")
	}
}

// A whole life: sent, stored, listed, hung up, removed; with real descriptors.
func TestDescriptorsAreStored(t *testing.T) {
	h := open(t)
	a := h.open("run 1", Path)
	s := NewStore(64, h.receiver.Files("web"))
	store := func(message string, fds ...int) {
		t.Helper()
		h.send(a, message, fds...)
		d := h.datagram()
		defer d.Done()
		if !d.Message.StoreFiles || d.Err != nil {
			t.Errorf("got %+v", d)
		}
		if err := s.Add(d.TakeFiles(), d.Message.Name, d.Message.KeepHungUp); err != nil {
			t.Error(err)
		}
	}
	r, w := pipeEnds(t)
	r2, w2 := pipeEnds(t)
	plain, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	store("FDSTORE=1\nFDNAME=pipe", int(r.Fd()), int(r.Fd()))
	store("FDSTORE=1\nFDNAME=pipe", int(r.Fd()))
	store("FDSTORE=1\nFDNAME=stays\nFDPOLL=0", int(r2.Fd()))
	store("FDSTORE=1", int(plain.Fd()))
	h.receiver.Remove("run 1") // the store outlives the run
	h.quiet()
	names := func() (all []string) {
		for _, k := range s.List() {
			all = append(all, k.Name)
		}
		return all
	}
	if diff := cmp.Diff([]string{"pipe", "stays", "stored"}, names()); diff != "" {
		t.Error(diff)
	}
	w.Close()
	w2.Close()
	gone, ok := h.next().(HungUp)
	if !ok || gone.Key != "web" {
		t.Fatalf("got %+v", gone)
	}
	h.quiet() // told once, and the other one not at all
	if was, ok := s.HungUp(gone); !ok || was.Name != "pipe" {
		t.Errorf("dropped %+v, %v", was, ok)
	}
	if diff := cmp.Diff([]string{"stays", "stored"}, names()); diff != "" {
		t.Error(diff)
	}
	if s.Remove("stays") != 1 {
		t.Error("nothing was removed")
	}
	s.Clear()
}
