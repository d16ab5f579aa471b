package systemd

import (
	"fmt"
	"slices"
	"time"

	"supervise/internal/imports"
	"supervise/internal/unitfile"
)

// settings are those of one section, drop-ins included. Each that is asked for
// counts as taken; the others are told of as not carried over.
type settings struct {
	all   []unitfile.Setting
	taken map[string]bool
}

func (s *settings) add(one unitfile.Setting) { s.all = append(s.all, one) }

func (s *settings) take(names ...string) {
	if s.taken == nil {
		s.taken = map[string]bool{}
	}
	for _, name := range names {
		s.taken[name] = true
	}
}

// last gives a setting that has one value: the last one counts. An empty one is
// as good as none.
func (s *settings) last(name string) (unitfile.Setting, bool) {
	s.take(name)
	for _, one := range slices.Backward(s.all) {
		if one.Name == name {
			return one, one.Value != ""
		}
	}
	return unitfile.Setting{}, false
}

// list gives a setting that may be there several times. An empty one takes
// back those before it.
func (s *settings) list(name string) []unitfile.Setting {
	s.take(name)
	var out []unitfile.Setting
	for _, one := range s.all {
		switch {
		case one.Name != name:
		case one.Value == "":
			out = nil
		default:
			out = append(out, one)
		}
	}
	return out
}

// rest gives what nobody asked for.
func (s *settings) rest() []unitfile.Setting {
	var out []unitfile.Setting
	for _, one := range s.all {
		// An empty list takes back what stood before; of capabilities it takes all.
		if !s.taken[one.Name] && (one.Value != "" || one.Name == "CapabilityBoundingSet") {
			out = append(out, one)
		}
	}
	return out
}

// text gives a setting's value with the specifiers replaced; "" without one.
func (u *unit) text(name string) (string, unitfile.Setting) {
	one, ok := u.own.last(name)
	if !ok {
		return "", one
	}
	return u.expand(one, one.Value), one
}

// yes says whether a setting is there and means yes.
func (u *unit) yes(name string) (unitfile.Setting, bool) {
	one, ok := u.own.last(name)
	yes, _ := unitfile.Bool(one.Value)
	return one, ok && yes
}

// length reads a length of time. Without one, or with one that is none, it is
// otherwise; 0 is no end.
func (u *unit) length(s *imports.Service, otherwise time.Duration, names ...string) (d time.Duration, given bool) {
	d = otherwise
	for _, name := range names {
		one, ok := u.own.last(name)
		if !ok {
			continue
		}
		v, _, err := unitfile.Time(one.Value)
		if err != nil {
			s.Lost("", one.At, one.String(), err.Error(), "")
			continue
		}
		d, given = v, true
	}
	return d, given
}

// lost tells of a setting that was taken and could not be carried over.
func lost(s *imports.Service, table string, one unitfile.Setting, why, instead string) {
	s.Lost(table, one.At, one.String(), why, instead)
}

func differs(s *imports.Service, table string, one unitfile.Setting, why, instead string) {
	s.Differs(table, one.At, one.String(), why, instead)
}

// words splits a value, and tells when that cannot be done.
func (u *unit) words(s *imports.Service, one unitfile.Setting) []string {
	words, err := unitfile.Words(one.Value)
	if err != nil {
		lost(s, "", one, fmt.Sprintf("cannot be split into words: %v", err), "")
		return nil
	}
	for i := range words {
		words[i] = u.expand(one, words[i])
	}
	return words
}
