package runit

import (
	"errors"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestFilesOfOneServiceAreHeldOnce(t *testing.T) {
	dir := t.TempDir()
	k, err := NewKeeper()
	if err != nil {
		t.Fatal(err)
	}
	defer k.Letters.Close()
	if fresh, err := k.Open(dir, "web"); err != nil || !fresh {
		t.Fatal(fresh, err)
	}
	if fresh, err := k.Open(dir, "web"); err != nil || fresh {
		t.Error("opened twice:", fresh, err)
	}
	var locked *Locked
	if _, err := k.Open(dir, "db"); !errors.As(err, &locked) {
		t.Errorf("for another service: %v", err)
	}
	if _, err := Open(dir); !errors.As(err, &locked) || locked.Holder == "" {
		t.Errorf("by another supervisor: %v", err)
	}
	f := k.Files(dir, "web")
	writer := func(name string) error {
		fd, err := unix.Open(dir+"/supervise/"+name, unix.O_WRONLY|unix.O_NONBLOCK, 0)
		if err == nil {
			unix.Close(fd)
		}
		return err
	}
	if err := f.Begin(Status{Since: time.Unix(1, 0)}); err != nil {
		t.Fatal(err)
	}
	if err := writer("ok"); err != nil {
		t.Errorf("nobody reads ok: %v", err)
	}
	k.Close(dir)
	for _, name := range []string{"ok", "control"} {
		if err := writer(name); err != unix.ENXIO {
			t.Errorf("%s still has a reader: %v", name, err)
		}
	}
	again, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	again.Close()
}

func TestStatusIsWrittenWhenItIsAnother(t *testing.T) {
	dir := t.TempDir()
	f, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	inode := func(name string) uint64 {
		var st unix.Stat_t
		if err := unix.Stat(dir+"/supervise/"+name, &st); err != nil {
			t.Fatal(err)
		}
		return st.Ino
	}
	s := Status{State: Run, PID: 7, Since: time.Unix(1, 0)}
	if err := f.Begin(s); err != nil {
		t.Fatal(err)
	}
	held, err := os.Open(dir + "/supervise/status") // so that its number is not used again
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	before := inode("status")
	if err := f.Write(s); err != nil || inode("status") != before {
		t.Errorf("written though it is the same: %v", err)
	}
	s.Paused = true
	if err := f.Write(s); err != nil || inode("status") == before {
		t.Errorf("not written: %v", err)
	}
	if text, _ := os.ReadFile(dir + "/supervise/stat"); string(text) != "run, paused\n" {
		t.Errorf("%q", text)
	}
	if err := os.RemoveAll(dir + "/supervise"); err != nil {
		t.Fatal(err)
	}
	if err := f.Write(Status{}); err != nil {
		t.Errorf("nobody can look there any more, and yet: %v", err)
	}
}

func TestLettersComeFromManyPipes(t *testing.T) {
	letters, err := NewLetters()
	if err != nil {
		t.Fatal(err)
	}
	arrived, ended := make(chan int), make(chan error)
	go func() { ended <- letters.Each(func(n int) { arrived <- n }) }()
	all := map[int]*Files{}
	for n := range 3 {
		f, err := Open(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if err := letters.Add(f, n); err != nil {
			t.Fatal(err)
		}
		all[n] = f
	}
	for _, text := range []string{"d", "tcu"} {
		if _, err := unix.Write(all[1].control, []byte(text)); err != nil {
			t.Fatal(err)
		}
		if n := <-arrived; n != 1 {
			t.Fatalf("letters for %d", n)
		}
		if got := string(letters.Read(all[1], 1)); got != text {
			t.Errorf("%q, want %q", got, text)
		}
	}
	letters.Close()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestFileInTheWayOfAPipeIsTold(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(dir+"/supervise", 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir+"/supervise/control", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir); err == nil {
		t.Error("a file in place of the pipe is no error")
	}
}
