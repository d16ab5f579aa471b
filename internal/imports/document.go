package imports

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"supervise/internal/config"
)

// Document is the configuration that an import makes.
type Document struct {
	Services []*Service
	Remarks  []Remark // what concerns no single service
}

// Service is one service of a [Document].
type Service struct {
	Name      string
	About     []string // what it is, as comments
	Instances int      // from 2 on: that many
	Needs     []Edge
	After     []Edge
	Log       Log
	Sockets   []Socket
	tables    []table // of its keys
	remarks   []placed
}

// Edge is a service that another waits for.
type Edge struct {
	To      *Service
	For     config.Condition // of a need; "" is ready
	With    bool             // of a need
	At      config.Position
	Written string // as the source says it
}

// Log is the [log] table of a service.
type Log struct {
	Path   string  // absolute; "" when there is no file
	Errors bool    // stderr = "file"
	Fields []Field // what else is to be said
}

// Socket is one of [[sockets]].
type Socket struct {
	config.Socket
	At      config.Position
	Written string
	Fields  []Field // beside listen
}

// placed is a remark and the table of its service in which it is told; "" is
// the first.
type placed struct {
	Remark
	table string
}

// Add adds a service by a name as near as can be to the one wanted.
func (d *Document) Add(name string) *Service {
	s := &Service{Name: d.free(possible(name))}
	d.Services = append(d.Services, s)
	return s
}

// possible makes a name of what may be none.
func possible(name string) string {
	template, instance, found := strings.Cut(name, "@")
	n, err := strconv.Atoi(instance)
	numbered := found && err == nil && n > 0 && n < 100_000 && instance == strconv.Itoa(n)
	if !numbered {
		template = name
	}
	template = regexp.MustCompile(`[^A-Za-z0-9_.-]`).ReplaceAllString(template, "-")
	template = strings.TrimLeft(template, ".-")
	if template == "" {
		template = "service"
	}
	if numbered {
		return template + "@" + instance
	}
	return template
}

// free changes a name until no service has it. One service cannot be called as
// the template of another.
func (d *Document) free(wanted string) string {
	name, plain := wanted, strings.ReplaceAll(wanted, "@", "-")
	if slices.ContainsFunc(d.Services, func(s *Service) bool { return mixed(s.Name, wanted) }) {
		name = plain
	}
	taken := func(s *Service) bool { return s.Name == name || mixed(s.Name, name) }
	for n := 2; slices.ContainsFunc(d.Services, taken); n++ {
		name = fmt.Sprintf("%s-%d", plain, n)
	}
	return name
}

// mixed says whether one name is the template of the other.
func mixed(a, b string) bool {
	x, _, isInstance := strings.Cut(a, "@")
	y, _, otherIs := strings.Cut(b, "@")
	return x == y && isInstance != otherIs
}

// Lost adds a remark that something of the source was not carried over. It is
// told in the given table of the service.
func (s *Service) Lost(table string, at config.Position, what, why, instead string) {
	s.remarks = append(s.remarks, placed{Remark{At: at, What: what, Why: why, Instead: instead}, table})
}

// Differs adds a remark that something was carried over, but means something
// else here.
func (s *Service) Differs(table string, at config.Position, what, why, instead string) {
	s.remarks = append(s.remarks, placed{Remark{At: at, What: what, Why: why, Instead: instead, Kept: true}, table})
}

// Remarks gives those of the service.
func (s *Service) Remarks() []Remark {
	var all []Remark
	for _, r := range s.remarks {
		all = append(all, r.Remark)
	}
	return all
}

// Lost adds a remark that concerns no single service.
func (d *Document) Lost(at config.Position, what, why, instead string) {
	d.Remarks = append(d.Remarks, Remark{At: at, What: what, Why: why, Instead: instead})
}

// Differs adds a remark that concerns no single service.
func (d *Document) Differs(at config.Position, what, why, instead string) {
	d.Remarks = append(d.Remarks, Remark{At: at, What: what, Why: why, Instead: instead, Kept: true})
}

// AllRemarks gives those of the document and of its services.
func (d *Document) AllRemarks() []Remark {
	all := slices.Clone(d.Remarks)
	for _, s := range d.Services {
		all = append(all, s.Remarks()...)
	}
	return all
}

// Join adds the services and remarks of another document. Services whose names
// are taken get others.
func (d *Document) Join(other *Document) {
	for _, s := range other.Services {
		s.Name = d.free(s.Name)
		d.Services = append(d.Services, s)
	}
	d.Remarks = append(d.Remarks, other.Remarks...)
}

// Finish takes out what a configuration may not have: circles, and files and
// addresses that two services claim. It is called once, when all formats have been
// joined and before the document is written.
func (d *Document) Finish() {
	d.cutCircles()
	d.partLogs()
	d.partSockets()
}

// cutCircles drops each edge that would close a circle with those before it.
func (d *Document) cutCircles() {
	kept := map[*Service][]*Service{}
	var reaches func(from, to *Service, seen map[*Service]bool) bool
	reaches = func(from, to *Service, seen map[*Service]bool) bool {
		if from == to {
			return true
		}
		seen[from] = true
		return slices.ContainsFunc(kept[from], func(next *Service) bool { return !seen[next] && reaches(next, to, seen) })
	}
	for _, s := range d.Services {
		keep := func(e Edge) bool {
			if reaches(e.To, s, map[*Service]bool{}) {
				s.Lost("", e.At, e.Written, fmt.Sprintf("%s would wait for %s, which waits for it", s.Name, e.To.Name), "decide which of them comes first")
				return false
			}
			kept[s] = append(kept[s], e.To)
			return true
		}
		s.Needs = slices.DeleteFunc(s.Needs, func(e Edge) bool { return !keep(e) })
		s.After = slices.DeleteFunc(s.After, func(e Edge) bool { return !keep(e) })
	}
}

// partLogs gives each service a log file of its own.
func (d *Document) partLogs() {
	taken := map[string]bool{}
	for _, s := range d.Services {
		l := &s.Log
		if l.Path == "" {
			continue
		}
		wanted := l.Path
		l.Path = strings.ReplaceAll(l.Path, "%", "%%")
		if s.Instances > 1 && !strings.Contains(wanted, instanceMark) {
			l.Path += ".%i"
			s.Differs("log", config.Position{}, wanted, "each instance writes a file of its own, since two programs cannot rotate one", "")
		}
		l.Path = strings.ReplaceAll(l.Path, instanceMark, "%i")
		for n := 1; taken[l.Path] || l.Errors && taken[l.Path+".err"]; n++ {
			if n == 1 {
				s.Differs("log", config.Position{}, wanted, "another service writes it, and two cannot rotate one file", "")
			}
			l.Path = fmt.Sprintf("%s.%s-%d", strings.ReplaceAll(wanted, "%", "%%"), s.Name, n)
		}
		taken[l.Path] = true
		if l.Errors {
			taken[l.Path+".err"] = true
		}
	}
}

// partSockets drops sockets that another service listens on already.
func (d *Document) partSockets() {
	var all []config.Socket
	for _, s := range d.Services {
		s.Sockets = slices.DeleteFunc(s.Sockets, func(one Socket) bool {
			if slices.ContainsFunc(all, one.Overlaps) {
				s.Lost("", one.At, one.Written, "something else in this configuration listens on "+one.String()+" already", "give each an address of its own")
				return true
			}
			all = append(all, one.Socket)
			return false
		})
	}
}
