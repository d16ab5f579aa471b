package notify

import (
	"fmt"
	"os"
	"slices"

	"golang.org/x/sys/unix"
)

// Stored is a descriptor that a service gave us to keep.
type Stored struct {
	FD   int
	Name string // for LISTEN_FDNAMES

	watch uint64
}

// Store is the descriptors of one service that outlive its runs (FDSTORE=1). It
// belongs to the owner of the service.
type Store struct {
	limit int
	files Files
	kept  []Stored
}

// Files is what a store does with descriptors; see [Receiver.Files].
type Files interface {
	// Same says whether two descriptors are one open file.
	Same(a, b int) bool
	// Watch begins to look out for the other end to hang up, if there is one,
	// and gives the number that [HungUp] will have.
	Watch(fd int) (number uint64)
	// Release ends that, and closes the descriptor.
	Release(fd int)
}

// NewStore makes a store for at most limit descriptors.
func NewStore(limit int, files Files) *Store { return &Store{limit: limit, files: files} }

// Add keeps descriptors, and closes those that are too many or that it has
// already, under whatever name. keepHungUp is for those that are to stay when
// their other end hangs up.
func (s *Store) Add(fds []int, name string, keepHungUp bool) error {
	if name == "" {
		name = DefaultName
	}
	refused := 0
	for _, fd := range fds {
		known := slices.ContainsFunc(s.kept, func(k Stored) bool { return s.files.Same(k.FD, fd) })
		if known || len(s.kept) >= s.limit {
			if !known {
				refused++
			}
			s.files.Release(fd)
			continue
		}
		k := Stored{FD: fd, Name: name}
		if !keepHungUp {
			k.watch = s.files.Watch(fd)
		}
		s.kept = append(s.kept, k)
	}
	if refused > 0 {
		return fmt.Errorf("%d of %d descriptors called %s were not stored: the service may store %d", refused, len(fds), name, s.limit)
	}
	return nil
}

// Remove drops all descriptors of a name, and says how many.
func (s *Store) Remove(name string) int {
	return s.drop(func(k Stored) bool { return k.Name == name })
}

// HungUp drops the descriptor that h tells of, if it is still there.
func (s *Store) HungUp(h HungUp) (was Stored, dropped bool) {
	for _, k := range s.kept {
		if k.watch == h.number && k.watch != 0 {
			was = k
		}
	}
	return was, s.drop(func(k Stored) bool { return k == was }) > 0
}

// Clear drops everything.
func (s *Store) Clear() { s.drop(func(Stored) bool { return true }) }

func (s *Store) drop(which func(Stored) bool) int {
	before := len(s.kept)
	s.kept = slices.DeleteFunc(s.kept, func(k Stored) bool {
		if !which(k) {
			return false
		}
		s.files.Release(k.FD)
		return true
	})
	return before - len(s.kept)
}

// List gives the descriptors in the order in which they came. They stay in the
// store: who hands them on makes copies.
func (s *Store) List() []Stored { return slices.Clone(s.kept) }

// HungUp says that the other end of a stored descriptor is gone, or that it has
// failed. It comes once.
type HungUp struct {
	Key any

	number uint64 // of the watch: the descriptor's own may be another's by now
}

func (HungUp) received() {}

// stored is a descriptor in a store that is watched.
type stored struct {
	service *service
	fd      int
	number  uint64
}

func (s *stored) turn(r *Receiver) {
	r.mutex.Lock()
	still := s.service.stored[s.fd] == s
	r.mutex.Unlock()
	if still {
		r.deliver(HungUp{s.service.key, s.number})
	}
}

// Files are the descriptors in the store of a service. What [Receiver.Remove]
// does for a key goes for those under it, so a store that is to outlive the
// sockets of a service has a key of its own.
func (r *Receiver) Files(key any) Files { return files{r, key} }

type files struct {
	receiver *Receiver
	key      any
}

// Same asks the kernel: fcntl with F_DUPFD_QUERY, Linux 6.10, or kcmp(2), which
// containers often may not use. Where neither answers, both count as different:
// to keep one twice does less harm than to lose one.
func (files) Same(a, b int) bool {
	if a == b {
		return true
	}
	if same, err := unix.FcntlInt(uintptr(a), unix.F_DUPFD_QUERY, b); err == nil {
		return same == 1
	}
	const kcmpFile = 0
	us := uintptr(os.Getpid())
	order, _, e := unix.Syscall6(unix.SYS_KCMP, us, us, kcmpFile, uintptr(a), uintptr(b), 0)
	return e == 0 && order == 0
}

// Watch is for pipes and sockets. Others have no other end, or, with a driver in
// user space, may block whoever asks.
func (f files) Watch(fd int) uint64 {
	if t := fileType(fd); t != unix.S_IFIFO && t != unix.S_IFSOCK {
		return 0
	}
	r := f.receiver
	r.mutex.Lock()
	defer r.mutex.Unlock()
	v := r.of(f.key)
	defer r.tidy(v)
	s := &stored{service: v, fd: fd}
	// HUP and ERR are told unasked, and once.
	number, err := r.watch(fd, unix.EPOLLONESHOT, s)
	if err != nil {
		return 0
	}
	s.number = number
	v.stored[fd] = s
	return number
}

func (f files) Release(fd int) {
	r := f.receiver
	r.mutex.Lock()
	defer r.mutex.Unlock()
	v := r.of(f.key)
	r.unwatch(v, fd)
	r.close(v, []int{fd})
}

// unwatch ends the wait for a stored descriptor. With the mutex.
func (r *Receiver) unwatch(v *service, fd int) {
	if s := v.stored[fd]; s != nil {
		delete(v.stored, fd)
		r.forget(s.number, fd)
	}
}
