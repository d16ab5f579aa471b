// Package logfile is a file that grows, and what it was before.
//
// A [File] appends. When it would grow beyond a size, or its first line gets
// too old, it is rotated: PATH is renamed to PATH.TIME and begun anew, between
// two lines. Of the renamed ones a number is kept; they can be compressed, see
// [Packer]. A [History] reads them all as if they were one.
//
// # What a crash leaves
//
// At each moment there is either PATH or only PATH.TIME, which is where the
// last lines are then: renaming is one step, and the next file begins with
// nothing in it. PATH.TIME.gz is written under another name, brought to the
// disk, and renamed when it is whole; only then is PATH.TIME removed. So a kill
// leaves nothing half: at most both of one part, of which readers take one, and
// an unfinished .gz.tmp; [Packer.Tidy] removes them.
//
// # Errors
//
// Each method that fails can be called again, and goes on where it was: Write
// tells how many bytes are written, and no byte is written twice.
//
// The last part of a path is never a symbolic link that is followed: who may
// write to the directory could have root append to, empty or show any file.
//
// The file is opened for appending, so that who empties it (copytruncate of
// logrotate) gets no hole, and what somebody else appends is kept.
//
// A File belongs to one goroutine.
package logfile

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// Policy says when a file is rotated and what is kept.
type Policy struct {
	MaxSize  int64         // bytes; 0: no limit
	MaxAge   time.Duration // 0: no limit
	MaxFiles int           // rotated ones; 0: all
	Compress bool
}

// File is the file that grows. The zero File is not usable, see [New].
type File struct {
	path   string
	policy Policy
	packer *Packer
	step   func(string) // called before each change to the directory; tests fail there

	fd      int // -1: closed
	size    int64
	born    time.Time // when its first line was written, about
	midLine bool      // it ends within a line
	due     bool      // rotate at the next end of a line
	last    time.Time // the stamp of the newest part
	listed  bool      // last is known

	rotations int
}

// New makes a File, which is not open yet. Compressing is left to packer.
func New(path string, policy Policy, packer *Packer) *File {
	return &File{path: path, policy: policy, packer: packer, fd: -1, step: func(string) {}}
}

// SetPolicy replaces the policy.
func (f *File) SetPolicy(p Policy) { f.policy = p }

// Policy is what New or SetPolicy was given.
func (f *File) Policy() Policy { return f.policy }

// Path is where it is.
func (f *File) Path() string { return f.path }

// IsOpen says whether it is open.
func (f *File) IsOpen() bool { return f.fd >= 0 }

// Size is how large the file is, as far as we wrote it; 0 when it is not open.
func (f *File) Size() int64 { return f.size }

// Rotations counts how often it was rotated.
func (f *File) Rotations() int { return f.rotations }

// MidLine says that the last byte is no newline.
func (f *File) MidLine() bool { return f.midLine }

// Deadline is when it will be too old; zero: never.
func (f *File) Deadline() time.Time {
	if f.policy.MaxAge == 0 || f.size == 0 || f.fd < 0 || f.due {
		return time.Time{}
	}
	return f.born.Add(f.policy.MaxAge)
}

// Open opens the file, if it is not open, and makes it and its directory if
// need be.
func (f *File) Open(now time.Time) error {
	if f.fd >= 0 {
		return nil
	}
	if err := f.list(); err != nil {
		return err
	}
	f.step("create")
	fd, err := open(f.path)
	if err == unix.ENOENT {
		if err := os.MkdirAll(filepath.Dir(f.path), 0o755); err != nil {
			return fmt.Errorf("making the directory of a log file: %w", err)
		}
		fd, err = open(f.path)
	}
	if err != nil {
		return &fs.PathError{Op: "opening", Path: f.path, Err: err}
	}
	if err := f.adopt(fd, now); err != nil {
		unix.Close(fd)
		return &fs.PathError{Op: "opening", Path: f.path, Err: err}
	}
	return nil
}

func open(path string) (int, error) {
	for {
		// Not to wait for the other side of a FIFO, which adopt refuses.
		fd, err := unix.Open(path, unix.O_RDWR|unix.O_APPEND|unix.O_CREAT|unix.O_CLOEXEC|unix.O_NOCTTY|unix.O_NONBLOCK|unix.O_NOFOLLOW, 0o644)
		switch err {
		case unix.EINTR:
		case unix.ELOOP:
			return fd, errLink
		default:
			return fd, err
		}
	}
}

// adopt takes a file as it is.
func (f *File) adopt(fd int, now time.Time) error {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return errNotRegular
	}
	midLine := false
	if st.Size > 0 {
		var last [1]byte
		if n, err := unix.Pread(fd, last[:], st.Size-1); err != nil {
			return err
		} else if n == 1 {
			midLine = last[0] != '\n'
		}
	}
	f.fd, f.size, f.midLine, f.born, f.due = fd, st.Size, midLine, now, false
	if st.Size > 0 {
		f.born = birth(fd, now)
	}
	return nil
}

var (
	errNotRegular = errors.New("it is no regular file")
	errLink       = errors.New("it is a symbolic link, and these are not followed; name its target")
)

// look opens a part or the file for reading. It waits for nobody at a FIFO.
func look(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if errors.Is(err, unix.ELOOP) {
		return nil, &fs.PathError{Op: "opening", Path: path, Err: errLink}
	}
	return f, err
}

// birth is when a file was made, where the file system knows it.
func birth(fd int, now time.Time) time.Time {
	var st unix.Statx_t
	err := unix.Statx(fd, "", unix.AT_EMPTY_PATH, unix.STATX_BTIME, &st)
	if err != nil || st.Mask&unix.STATX_BTIME == 0 {
		return now
	}
	if born := time.Unix(st.Btime.Sec, int64(st.Btime.Nsec)); born.Before(now) {
		return born
	}
	return now
}

// list looks for older parts, once.
func (f *File) list() error {
	if f.listed {
		return nil
	}
	parts, err := Parts(f.path)
	if err != nil {
		return fmt.Errorf("looking for rotated log files: %w", err)
	}
	if len(parts) > 0 {
		f.last = parts[len(parts)-1].Stamp
	}
	f.listed = true
	f.packer.Tidy(f.path, f.policy)
	return nil
}

// Write appends b, and rotates where that is due. It opens the file if it is
// not. n bytes are written also when there is an error.
func (f *File) Write(b []byte, now time.Time) (n int, err error) {
	for n < len(b) {
		if err := f.Open(now); err != nil {
			return n, err
		}
		m := f.fits(b[n:])
		if m == 0 {
			if err := f.rotate(now); err != nil {
				return n, err
			}
			continue
		}
		k, err := unix.Write(f.fd, b[n:n+m])
		if k > 0 {
			if f.size == 0 {
				f.born = now
			}
			n += k
			f.size += int64(k)
			f.midLine = b[n-1] != '\n'
		}
		if err == unix.EINTR || err == nil && k > 0 {
			continue
		}
		if err == nil {
			err = unix.EIO // a regular file takes something or says why not
		}
		return n, &fs.PathError{Op: "writing", Path: f.path, Err: err}
	}
	return n, nil
}

func (f *File) fits(b []byte) int {
	limit, most := f.policy.MaxSize, 2*f.policy.MaxSize
	if f.due {
		limit = max(f.size, 1)
	}
	return fits(b, f.size, limit, most, f.midLine)
}

// fits says how many bytes of b go into a file of a size before it is rotated;
// 0: rotate first. A file ends with a line: the one in which the limit is
// passed is finished, unless b does not have its end and the file gets beyond
// most.
func fits(b []byte, size, limit, most int64, midLine bool) int {
	room := limit - size
	if limit == 0 || int64(len(b)) <= room {
		return len(b)
	}
	if room > 0 {
		if i := bytes.LastIndexByte(b[:room], '\n'); i >= 0 {
			return i + 1
		}
	}
	if !midLine && size > 0 {
		return 0
	}
	if i := bytes.IndexByte(b, '\n'); i >= 0 {
		return i + 1
	}
	if most > 0 {
		return int(min(int64(len(b)), max(0, most-size)))
	}
	return len(b)
}

// Rotate rotates at the end of the line, which is now if none is begun. An
// empty file stays.
func (f *File) Rotate(now time.Time) error {
	if err := f.Open(now); err != nil {
		return err
	}
	switch {
	case f.size == 0:
		return nil
	case f.midLine:
		f.due = true
		return nil
	}
	return f.rotate(now)
}

// rotate renames the file and begins the next.
func (f *File) rotate(now time.Time) error {
	name, stamp := partName(filepath.Base(f.path), now, f.last)
	f.step("rename")
	if err := unix.Rename(f.path, filepath.Join(filepath.Dir(f.path), name)); err != nil && err != unix.ENOENT { // ENOENT: somebody else was faster
		return &fs.PathError{Op: "rotating", Path: f.path, Err: err}
	}
	f.last = stamp
	f.rotations++
	f.Close()
	f.step("prune")
	prune(f.path, f.policy.MaxFiles)
	if f.policy.Compress {
		f.packer.Tidy(f.path, f.policy)
	}
	return f.Open(now)
}

// Reopen closes the file and opens what is at its path now: for those who
// rotate it by other means.
func (f *File) Reopen(now time.Time) error {
	f.Close()
	return f.Open(now)
}

// Close closes the file. Write opens it again.
func (f *File) Close() {
	if f.fd >= 0 {
		unix.Close(f.fd)
	}
	f.fd, f.size, f.midLine, f.due = -1, 0, false, false
}

// Parts lists the rotated files of path, the oldest first.
func Parts(path string) ([]Part, error) {
	entries, err := entriesOf(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	return partsOf(filepath.Base(path), entries), nil
}

// entriesOf lists a directory; one that is not there has none.
func entriesOf(dir string) ([]string, error) {
	d, err := os.Open(dir)
	if os.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer d.Close()
	return d.Readdirnames(-1)
}

// prune removes the parts that are too many. What cannot be removed now will
// be at the next rotation.
func prune(path string, keep int) {
	if keep == 0 {
		return
	}
	parts, err := Parts(path)
	if err != nil {
		return
	}
	for _, p := range expired(parts, keep) {
		p.remove(filepath.Dir(path))
	}
}

func (p Part) remove(dir string) {
	if p.Plain {
		_ = os.Remove(filepath.Join(dir, p.Name))
	}
	if p.Packed {
		_ = os.Remove(filepath.Join(dir, p.Name+packed))
	}
}
