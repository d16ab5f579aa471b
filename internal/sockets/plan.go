package sockets

import "supervise/internal/config"

// id is what makes a socket the same one after a reload.
type id struct {
	network, address  string
	v6only, reuseport bool
	// Many may have one address with reuseport: whose, and its how manieth.
	service string
	nth     int
}

// wanted is a socket that a configuration asks for.
type wanted struct {
	id
	config.Socket
	service string
	where   config.Position
}

// plan is how to get from what is open to what is wanted.
type plan struct {
	all        []wanted
	open, keep []wanted // parts of all
	gone       []id
}

func makePlan(have map[id]*listener, services []config.Service) plan {
	var p plan
	seen := map[id]bool{}
	for i := range services {
		s := &services[i]
		for _, socket := range s.Sockets {
			w := wanted{Socket: socket, service: s.Name, where: s.Where}
			w.id = id{network: socket.Network, address: socket.Address, v6only: socket.V6Only, reuseport: socket.ReusePort}
			if socket.ReusePort {
				w.id.service = s.Name
			}
			for seen[w.id] {
				w.nth++
			}
			seen[w.id] = true
			p.all = append(p.all, w)
			if have[w.id] != nil {
				p.keep = append(p.keep, w)
			} else {
				p.open = append(p.open, w)
			}
		}
	}
	for id := range have {
		if !seen[id] {
			p.gone = append(p.gone, id)
		}
	}
	return p
}

// closes says whether l is among what is gone.
func (p plan) closes(have map[id]*listener, l *listener) bool {
	for _, id := range p.gone {
		if have[id] == l {
			return true
		}
	}
	return false
}
