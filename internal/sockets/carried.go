package sockets

import (
	"supervise/internal/carry"
	"supervise/internal/config"
)

// Carried is all sockets that are open, for the next image of the process to go on
// with, see package carry. Which services are armed is the owner's to know.
type Carried struct {
	Open     []Listener
	Services map[string][]Held
}

// Listener is an open socket.
type Listener struct {
	ID   id
	FD   carry.FD
	File file
}

// Held is a socket as a service has it.
type Held struct {
	Socket config.Socket
	ID     id
}

// Carry gives all sockets.
func (s *Set) Carry() *Carried {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := &Carried{Services: map[string][]Held{}}
	for id, l := range s.open {
		c.Open = append(c.Open, Listener{id, carry.FD(l.fd), l.file})
	}
	for name, list := range s.services {
		for _, h := range list {
			c.Services[name] = append(c.Services[name], Held{h.Socket, h.id})
		}
	}
	return c
}

// Restore is [Open] for sockets that are open already.
func Restore(c *Carried) *Set {
	s := &Set{open: map[id]*listener{}, services: map[string][]held{}}
	for _, o := range c.Open {
		s.open[o.ID] = &listener{int(o.FD), o.File}
	}
	for name, list := range c.Services {
		for _, h := range list {
			s.services[name] = append(s.services[name], held{h.Socket, s.open[h.ID], h.ID})
		}
	}
	return s
}
