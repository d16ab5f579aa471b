package record

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func unfailing(t *testing.T) func(error) {
	return func(err error) { t.Error(err) }
}

func TestATraceIsItsOwnersAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "trace")
	if err := os.WriteFile(path, []byte("an older one, which anybody may read\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	f, err := Create(path, NewHeader("v1"), unfailing(t))
	if err != nil {
		t.Fatal(err)
	}
	defer f.file.Close()
	_, _ = f.Write([]byte(first))
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Error(info.Mode(), err)
	}
	if trace, err := Open(path); err != nil || len(trace.Events) != 1 || trace.Header.Supervise != "v1" {
		t.Errorf("got %+v, %v", trace, err)
	}
}

func TestAFullDiskIsToldOnce(t *testing.T) {
	var told []string
	f, err := Create("/dev/full", NewHeader("v1"), func(err error) { told = append(told, err.Error()) })
	if err != nil {
		t.Fatal(err)
	}
	defer f.file.Close()
	for range 3 {
		if n, err := f.Write([]byte(first)); n != len(first) || err != nil {
			t.Errorf("got %d, %v", n, err)
		}
	}
	if len(told) != 1 || !strings.Contains(told[0], "no space left") || !strings.Contains(told[0], "make room") {
		t.Errorf("told %q", told)
	}
}

// A line that does not fit whole is taken back, so that the trace can be read,
// and goes on when there is room again.
func TestALineThatDoesNotFit(t *testing.T) {
	path := filepath.Join(t.TempDir(), "trace")
	told := 0
	f, err := Create(path, NewHeader("v1"), func(error) { told++ })
	if err != nil {
		t.Fatal(err)
	}
	defer f.file.Close()
	_, _ = f.Write([]byte(first))
	info, err := f.file.Stat()
	if err != nil {
		t.Fatal(err)
	}
	// The limit is this process's; its signal XFSZ is ignored by Go.
	var was unix.Rlimit
	if err := unix.Prlimit(0, unix.RLIMIT_FSIZE, nil, &was); err != nil {
		t.Fatal(err)
	}
	if err := unix.Prlimit(0, unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: uint64(info.Size()) + 20, Max: was.Max}, nil); err != nil {
		t.Fatal(err)
	}
	_, _ = f.Write([]byte(first))
	if err := unix.Prlimit(0, unix.RLIMIT_FSIZE, &was, nil); err != nil {
		t.Fatal(err)
	}
	_, _ = f.Write([]byte(first))
	trace, err := Open(path)
	if err != nil || len(trace.Events) != 2 || told != 1 {
		t.Errorf("got %+v, %v; told %d times", trace, err, told)
	}
}
