package config

import (
	"net/netip"
	"strings"
)

// Overlaps says whether the kernel would not let both be listened on.
func (s Socket) Overlaps(other Socket) bool {
	unixes := strings.HasPrefix(s.Network, "unix")
	switch {
	case unixes && s.HasPath():
		return strings.HasPrefix(other.Network, "unix") && s.Address == other.Address // one file
	case s.Network != other.Network:
		return false
	case unixes:
		return s.Address == other.Address
	case s.ReusePort && other.ReusePort:
		return false
	}
	a, errA := netip.ParseAddrPort(s.Address)
	b, errB := netip.ParseAddrPort(other.Address)
	if errA != nil || errB != nil || a.Port() != b.Port() {
		return false
	}
	return a.Addr() == b.Addr() || covers(a.Addr(), s.V6Only, b.Addr()) || covers(b.Addr(), other.V6Only, a.Addr())
}

// covers says whether a is all addresses of a family that ip is of. [::] takes
// IPv4 too, unless it is told not to.
func covers(a netip.Addr, v6only bool, ip netip.Addr) bool {
	return a.IsUnspecified() && (a.Is4() == ip.Is4() || a.Is6() && !v6only)
}

// checkSockets reports sockets that exclude each other.
func (l *loader) checkSockets() {
	type taken struct {
		*socket
		by *draft
	}
	at := map[string][]taken{} // by what two that exclude each other have in common
	for _, d := range l.drafts {
		for _, s := range d.sockets {
			place := s.Address
			if !strings.HasPrefix(s.Network, "unix") {
				place = s.Network + s.Address[strings.LastIndexByte(s.Address, ':'):]
			}
			known := false
			for _, other := range at[place] {
				if !s.Overlaps(other.Socket) {
					known = known || s.Network == other.Network && s.Address == other.Address && s.V6Only == other.V6Only
					continue
				}
				known = true
				l.reportOverlap(d, s, other.by, other.socket)
				break
			}
			if !known { // one of many alike is enough to compare with
				at[place] = append(at[place], taken{s, d})
			}
		}
	}
}

func (l *loader) reportOverlap(d *draft, s *socket, other *draft, with *socket) {
	n, first := s.places["listen"], with.places["listen"]
	switch {
	case d == other:
		l.fail(n, "this service listens on "+with.String()+" already", "the other one is at "+first.at.String())
	case n.at == first.at && !strings.HasPrefix(s.Network, "unix"):
		l.fail(n, "several services cannot all listen on "+s.String(), "write %i in it, the number of the instance, or reuseport = true")
	case n.at == first.at:
		l.fail(n, "several services cannot all listen on "+s.String(), "write %n in it, the name of the service")
	default:
		l.fail(n, other.Name+" listens on "+with.String()+" already", "the other one is at "+first.at.String())
	}
}
