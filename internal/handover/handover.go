// Package handover replaces the binary of this process under all that it has running:
// the state is written down (package carry), the new binary is executed in our place
// (execve(2)), and goes on where we were. Pid, children and descriptors stay.
//
// An exec cannot be taken back. So before it the new binary is run as a child that only
// reads the state and says whether it could go on with it ([Rehearse]). If it turns out
// after the exec that it cannot, it executes the old binary, of which it has a
// descriptor, with the same state ([Back]).
//
// # What is written
//
// A file in memory (memfd_create(2)): a line with a [Header], then the state. Version is
// that of the state. Within one version fields are only ever added, with a zero value
// that means what was before them; what has a field that the reader does not know is
// refused, so that going back to an older version loses nothing silently.
package handover

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"

	"supervise/internal/birth"
	"supervise/internal/carry"
)

// Format is what a header says that it is, and Version the version of the state that is
// written, and the one that is read.
const (
	Format  = "supervise-state"
	Version = 1
)

// Header tells of what a state is. It is the one thing that every version understands.
type Header struct {
	Format    string `json:"format"`
	Version   int    `json:"version"`
	Supervise string `json:"supervise"` // the version of who has written it
	Old       int    `json:"old"`       // descriptor of its binary
	Kept      []int  `json:"kept"`      // descriptors that the state names
}

// Offer is a state that is written.
type Offer struct {
	Header
	file *os.File
}

// Write writes a state, a pointer, for the next image. old is a descriptor of our binary,
// supervise our version.
func Write(state any, old int, supervise string) (*Offer, error) {
	text, kept, err := carry.Encode(state)
	if err != nil {
		return nil, fmt.Errorf("writing down the state: %w", err)
	}
	o := &Offer{Header: Header{Format: Format, Version: Version, Supervise: supervise, Old: old}}
	for _, fd := range kept {
		o.Kept = append(o.Kept, int(fd))
	}
	head, err := json.Marshal(o.Header)
	if err != nil {
		return nil, err
	}
	fd, err := unix.MemfdCreate("supervise-state", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("writing down the state: %w", err)
	}
	o.file = os.NewFile(uintptr(fd), "supervise-state")
	if _, err := o.file.Write(append(append(head, '\n'), text...)); err != nil {
		o.file.Close()
		return nil, fmt.Errorf("writing down the state: %w", err)
	}
	return o, nil
}

// File is the state, for a child to read from its standard input.
func (o *Offer) File() *os.File { return o.file }

// Close gives the state up.
func (o *Offer) Close() { o.file.Close() }

// Read reads a state from a descriptor into a pointer to a zero value. The header is
// given as far as it is understood, with an error too.
func Read(fd int, state any) (h Header, err error) {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return h, fmt.Errorf("reading the state: %w", err)
	}
	all := make([]byte, st.Size)
	for n := 0; n < len(all); {
		k, err := unix.Pread(fd, all[n:], int64(n))
		if err == nil && k == 0 {
			err = io.ErrUnexpectedEOF
		}
		if err != nil && err != unix.EINTR {
			return h, fmt.Errorf("reading the state: %w", err)
		}
		n += max(k, 0)
	}
	head, text, _ := bytes.Cut(all, []byte("\n"))
	if err := json.Unmarshal(head, &h); err != nil || h.Format != Format {
		return h, errors.New("what it is to take over is not the state of a supervise")
	}
	if h.Version != Version {
		return h, fmt.Errorf("the state is of version %d, written by supervise %s, and this supervise takes over version %d only", h.Version, h.Supervise, Version)
	}
	if err := carry.Decode(text, state); err != nil {
		return h, fmt.Errorf("the state that supervise %s has written: %w", h.Supervise, err)
	}
	return h, nil
}

// Check says which descriptor of a state is not open.
func (h Header) Check() error {
	for _, fd := range append([]int{h.Old}, h.Kept...) {
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != nil {
			return fmt.Errorf("descriptor %d, which was to be kept, is not open: %w", fd, err)
		}
	}
	return nil
}

// keep has the descriptors of a state stay open over an exec, or not.
func (h Header) keep(state int, yes bool) error {
	flags := unix.FD_CLOEXEC
	if yes {
		flags = 0
	}
	for _, fd := range append([]int{h.Old, state}, h.Kept...) {
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_SETFD, flags); err != nil {
			return fmt.Errorf("keeping descriptor %d over the exec: %w", fd, err)
		}
	}
	return nil
}

// Exec executes the binary at path in our place. become is to do that with the
// arguments and the environment that it is given, on the first thread of the process,
// after before; it returns only if it fails, and then all is as it was. Every signal is
// held back (see package birth).
func (o *Offer) Exec(env []string, become func(env []string, before func() error) error) error {
	fd := int(o.file.Fd())
	defer func() { _ = o.keep(fd, false) }() // cannot fail for what is open
	return become(environ(fd, "", env), func() error {
		if unix.Gettid() != os.Getpid() {
			return errors.New("internal error: the thread that forks is not the first of the process, and its children would be told that it has died")
		}
		return o.keep(fd, true)
	})
}

// refusal is the variable that says why the old binary was executed again.
const refusal = birth.Reexec + "_REFUSED"

// environ is an environment with what the next image is to know. [birth.Reexec] is
// first: entry looks there.
func environ(fd int, refused string, env []string) []string {
	all := []string{birth.Reexec + "=" + strconv.Itoa(fd)}
	if refused != "" {
		all = append(all, refusal+"="+strings.ReplaceAll(refused, "\x00", ""))
	}
	for _, e := range env {
		if name, _, _ := strings.Cut(e, "="); name != birth.Reexec && name != refusal {
			all = append(all, e)
		}
	}
	return all
}

// Given tells what the image before has left: the descriptor of its state, and if it was
// one that could not go on and has executed us again, why. The variables are taken out
// of our environment.
func Given() (fd int, refused string, err error) {
	fd, err = strconv.Atoi(os.Getenv(birth.Reexec))
	refused = os.Getenv(refusal)
	_ = os.Unsetenv(birth.Reexec)
	_ = os.Unsetenv(refusal)
	return fd, refused, err
}

// Back executes the old binary again, with the state that we could not take over, and
// says why. It is to be called on the first thread, before signals are received, and
// returns only if it fails.
func Back(fd int, h Header, argv []string, why error) error {
	if err := h.keep(fd, true); err != nil {
		return err
	}
	// As before the exec to us: every signal is to wait. Those that were noted already
	// are sent to this thread once more, with what the kernel said of them.
	var all unix.Sigset_t
	for i := range all.Val {
		all.Val[i] = ^all.Val[i]
	}
	if err := unix.PthreadSigmask(unix.SIG_SETMASK, &all, nil); err != nil {
		return err
	}
	us := uintptr(os.Getpid())
	for _, info := range birth.Early() {
		signo := binary.NativeEndian.Uint32(info[:])
		_, _, _ = unix.RawSyscall6(unix.SYS_RT_TGSIGQUEUEINFO, us, us, uintptr(signo), uintptr(unsafe.Pointer(&info)), 0, 0)
	}
	path := "/proc/self/fd/" + strconv.Itoa(h.Old)
	return unix.Exec(path, argv, environ(fd, why.Error(), os.Environ()))
}

// Answer is the last line of what a binary prints that could go on with a state.
func Answer(supervise string) string {
	return fmt.Sprintf("supervise %s takes over state %d", supervise, Version)
}

// Understood finds out of what a rehearsal has printed which version the new binary is;
// false: it was no answer.
func Understood(output string) (supervise string, ok bool) {
	lines := strings.Split(strings.TrimSpace(output), "\n")
	rest, ok := strings.CutPrefix(lines[len(lines)-1], "supervise ")
	if !ok {
		return "", false
	}
	return strings.CutSuffix(rest, fmt.Sprintf(" takes over state %d", Version))
}
