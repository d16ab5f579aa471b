package notify

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"supervise/internal/carry"
)

// CarriedSocket is the socket of a service, for the next image of the process to go on
// with, see package carry.
type CarriedSocket struct {
	Address Address
	FD      carry.FD
	Main    int
}

// CarriedPipe is the pipe of one run.
type CarriedPipe struct {
	FD     carry.FD
	Notice notice
}

// CarriedStore is descriptors in a store.
type CarriedStore struct {
	FD   carry.FD
	Name string
	Keep bool // when the other end hangs up
}

// CarriedDirectory is where the sockets are.
type CarriedDirectory struct {
	Path string
	Lock carry.FD
}

// Pause has nothing be received until [Receiver.Resume]. When it returns, all that was
// received has been delivered.
func (r *Receiver) Pause() { r.turning.Lock() }

// Resume ends a Pause.
func (r *Receiver) Resume() { r.turning.Unlock() }

// Unheard is how many datagrams to a key the owner has not handled yet.
func (r *Receiver) Unheard(key any) int {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if v := r.services[key]; v != nil && v.socket != nil {
		return v.socket.open
	}
	return 0
}

// Carry gives what there is of a key; nil: nothing of that kind.
func (r *Receiver) Carry(key any) (s *CarriedSocket, p *CarriedPipe) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	v := r.services[key]
	if v == nil {
		return nil, nil
	}
	if v.socket != nil {
		s = &CarriedSocket{v.socket.address, carry.FD(v.socket.fd), v.socket.main}
	}
	if v.pipe != nil {
		p = &CarriedPipe{carry.FD(v.pipe.fd), v.pipe.notice}
	}
	return s, p
}

// Directory gives where the sockets are; nil: nowhere.
func (r *Receiver) Directory() *CarriedDirectory {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if r.dir == nil {
		return nil
	}
	return &CarriedDirectory{r.dir.path, carry.FD(r.dir.lock.Fd())}
}

// RestoreDirectory is the other half of Directory. It is to be called before anything
// is opened.
func (r *Receiver) RestoreDirectory(c *CarriedDirectory) {
	if c != nil {
		r.mutex.Lock()
		defer r.mutex.Unlock()
		r.dir = &directory{c.Path, os.NewFile(uintptr(c.Lock), c.Path)}
	}
}

// Restore goes on with what Carry gave.
func (r *Receiver) Restore(key any, s *CarriedSocket, p *CarriedPipe) (err error) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if s == nil && p == nil {
		return nil
	}
	v := r.of(key)
	defer r.tidy(v)
	if s != nil {
		v.socket = &socket{service: v, address: s.Address, fd: int(s.FD), main: s.Main}
		if v.socket.number, err = r.watch(v.socket.fd, unix.EPOLLIN, v.socket); err != nil {
			return fmt.Errorf("watching the notification socket %s: %w", s.Address, err)
		}
	}
	if p != nil {
		v.pipe = &pipe{service: v, fd: int(p.FD), notice: p.Notice}
		if v.pipe.number, err = r.watch(v.pipe.fd, unix.EPOLLIN, v.pipe); err != nil {
			return fmt.Errorf("watching the pipe for the newline of readiness: %w", err)
		}
	}
	return nil
}

// Carry gives what is stored.
func (s *Store) Carry() (all []CarriedStore) {
	for _, k := range s.kept {
		all = append(all, CarriedStore{carry.FD(k.FD), k.Name, k.watch == 0})
	}
	return all
}

// Restore takes it back into an empty store.
func (s *Store) Restore(all []CarriedStore) {
	for _, c := range all {
		k := Stored{FD: int(c.FD), Name: c.Name}
		if !c.Keep {
			k.watch = s.files.Watch(k.FD)
		}
		s.kept = append(s.kept, k)
	}
}
