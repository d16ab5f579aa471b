package private

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"supervise/internal/needed"
)

// What may stand at the path of a file that is to be private: a file of ours, one
// of somebody else, a link to one that matters.
func TestCreate(t *testing.T) {
	const somebody = 12345
	for _, test := range []struct {
		name    string
		foreign bool // takes root, who alone can give files away
		prepare func(at func(name string) string) error
		wrong   string // part of the error; "": the file can be used
		kept    string // a file that stays what it was
	}{
		{name: "nothing", prepare: func(at func(string) string) error { return nil }},
		{name: "a file of ours that others can read", prepare: func(at func(string) string) error {
			return os.WriteFile(at("file"), []byte("old"), 0o644)
		}},
		{name: "a link of ours", prepare: func(at func(string) string) error {
			return os.Symlink("to", at("file"))
		}},
		{name: "a link that leads to itself", wrong: "too many levels", prepare: func(at func(string) string) error {
			return os.Symlink("file", at("file"))
		}},
		{name: "another name of a file that matters", kept: "matters", prepare: func(at func(string) string) error {
			return os.Link(at("matters"), at("file"))
		}},
		{name: "a file of somebody else", foreign: true, prepare: func(at func(string) string) error {
			if err := os.WriteFile(at("file"), []byte("old"), 0o666); err != nil {
				return err
			}
			return os.Chown(at("file"), somebody, -1)
		}},
		{name: "a link of somebody else", foreign: true, wrong: "symbolic link of the user 12345", kept: "matters", prepare: func(at func(string) string) error {
			if err := os.Symlink("matters", at("file")); err != nil {
				return err
			}
			return os.Lchown(at("file"), somebody, -1)
		}},
		{name: "a link of ours to a link of somebody else", foreign: true, wrong: "symbolic link of the user 12345", kept: "matters", prepare: func(at func(string) string) error {
			if err := os.Symlink("second", at("file")); err != nil {
				return err
			}
			if err := os.Symlink("matters", at("second")); err != nil {
				return err
			}
			return os.Lchown(at("second"), somebody, -1)
		}},
		{name: "a pipe of somebody else", foreign: true, wrong: "pipe of the user 12345", prepare: func(at func(string) string) error {
			if err := unix.Mkfifo(at("file"), 0o666); err != nil {
				return err
			}
			return os.Chown(at("file"), somebody, -1)
		}},
		{name: "a directory", wrong: "is a directory", prepare: func(at func(string) string) error {
			return os.Mkdir(at("file"), 0o755)
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			needed.That(t, !test.foreign || os.Geteuid() == 0, "root, who alone can give files away")
			dir := t.TempDir()
			at := func(name string) string { return filepath.Join(dir, name) }
			if err := os.WriteFile(at("matters"), []byte("it does"), 0o644); err != nil {
				t.Fatal(err)
			}
			if err := test.prepare(at); err != nil {
				t.Fatal(err)
			}
			file, err := Create(at("file"))
			if test.wrong != "" {
				if err == nil || !strings.Contains(err.Error(), test.wrong) {
					t.Errorf("error %v, want %q in it", err, test.wrong)
				}
			} else if err != nil {
				t.Fatal(err)
			} else {
				if _, err := file.WriteString("new"); err != nil {
					t.Error(err)
				}
				file.Close()
				st, err := os.Stat(at("file"))
				text, _ := os.ReadFile(at("file"))
				if err != nil || st.Mode() != 0o600 || int(st.Sys().(*syscall.Stat_t).Uid) != os.Geteuid() || string(text) != "new" {
					t.Errorf("it is %+v with %q, %v", st, text, err)
				}
			}
			if b, err := os.ReadFile(at("matters")); test.kept != "" && (string(b) != "it does" || err != nil) {
				t.Errorf("the file that matters has %q, %v", b, err)
			}
		})
	}
}

func TestCreateOfAnOpenFile(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	link := filepath.Join(t.TempDir(), "stdout")
	if err := os.Symlink("/proc/self/fd/"+strconv.Itoa(int(w.Fd())), link); err != nil { // as /dev/stdout is
		t.Fatal(err)
	}
	file, err := Create(link)
	if err != nil {
		t.Fatal(err)
	}
	w.Close()
	if _, err := file.WriteString("x"); err != nil {
		t.Error(err)
	}
	file.Close()
	var b [2]byte
	if n, err := r.Read(b[:]); n != 1 || b[0] != 'x' || err != nil {
		t.Errorf("read %q, %v", b[:n], err)
	}
}
