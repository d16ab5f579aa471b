// Package exports holds what all exports have in common: the files that are
// written, and the [Remark]s on what a format has no word for. The packages
// below it each write one format: systemd, compose and kubernetes.
//
// An export starts from a configuration that was loaded, with its defaults, and is
// pure: it reads nothing and writes nothing. A remark stands as a comment in the
// file, before what it is about, and is told on standard error. Defaults that
// are the same for all services are remarked upon once.
package exports

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"supervise/internal/config"
	"supervise/internal/signals"
	"supervise/internal/visible"
)

// NoImage stands where an image has to be named.
const NoImage = "image.invalid/name-one-with--image"

// Options are what an export has to be told beside the configuration.
type Options struct {
	Name   string                              // of the whole, "app"
	Dir    string                              // of the configuration: where services run unless they say otherwise
	Images func(service string) (image string) // for containers; "" when none was named
}

// File is a file that is to be written.
type File struct {
	Name string
	Data string
}

// Result is what an export gives.
type Result struct {
	Files   []File
	Remarks []Remark
}

// Remark is a key that is not, or not exactly, in what was written.
type Remark struct {
	Service string // "" when it concerns all
	At      config.Position
	Key     string
	Why     string
	Instead string
	Kept    bool // it was carried over, but means something else there
}

// String gives one line.
func (r Remark) String() string {
	text := r.text()
	if at := r.At.String(); at != "" {
		return at + ": " + text
	}
	return text
}

func (r Remark) text() string {
	parts := []string{r.Key, "not carried over", r.Why}
	if r.Kept {
		parts[1] = "differs"
	}
	if r.Service != "" {
		parts = append([]string{r.Service}, parts...)
	}
	text := strings.Join(parts, ": ")
	if r.Instead != "" {
		text += "; " + r.Instead
	}
	return visible.Text(text)
}

// Notes collects the remarks on one service.
type Notes struct {
	service *config.Service
	All     []Remark
}

// About begins the remarks on a service.
func About(s *config.Service) *Notes { return &Notes{service: s} }

// Lost adds a key that was not carried over.
func (n *Notes) Lost(key, why, instead string) { n.add(key, why, instead, false) }

// Differs adds a key that means something else there.
func (n *Notes) Differs(key, why, instead string) { n.add(key, why, instead, true) }

func (n *Notes) add(key, why, instead string, kept bool) {
	at := n.service.Where
	at.Col = 0
	n.All = append(n.All, Remark{Service: n.service.Name, At: at, Key: key, Why: why, Instead: instead, Kept: kept})
}

// Comments gives the remarks as lines without their places.
func (n *Notes) Comments() []string {
	var out []string
	for _, r := range n.All {
		out = append(out, r.text())
	}
	return out
}

// Comments writes lines as comments.
func Comments(lines []string) string {
	var b strings.Builder
	for _, line := range lines {
		fmt.Fprintf(&b, "# %s\n", line)
	}
	return b.String()
}

// StopSignal is the first signal of a stop, as it is delivered.
func StopSignal(s *config.Service) signals.Signal {
	first := s.Stop.Ladder[0].Signal
	if to, ok := s.Map[first]; ok && to != signals.Drop {
		return to
	}
	return first
}

// Grace is how long a stop waits before its last step.
func Grace(s *config.Service) time.Duration {
	sum := time.Duration(0)
	for _, rung := range s.Stop.Ladder[:len(s.Stop.Ladder)-1] {
		sum += rung.Wait
	}
	if len(s.Stop.Ladder) == 1 {
		return s.Stop.Ladder[0].Wait
	}
	return sum
}

// Program gives the command with its program as it is found from anywhere: one
// with a slash is relative to the service's directory.
func Program(s *config.Service, command []string) []string {
	if name := command[0]; strings.Contains(name, "/") && !filepath.IsAbs(name) {
		return append([]string{filepath.Join(s.Dir, name)}, command[1:]...)
	}
	return command
}

// Curl is a command that asks what an HTTP probe asks. It takes every status below 400.
func Curl(p *config.Probe) []string {
	words, url := []string{"curl", "-fsS", "-o", "/dev/null"}, p.URL
	if rest, isUnix := strings.CutPrefix(url, "unix://"); isUnix {
		socket, target, _ := strings.Cut(rest, ":")
		words, url = append(words, "--unix-socket", socket), "http://localhost"+target
	}
	for _, h := range p.Header {
		words = append(words, "-H", h)
	}
	return append(words, url)
}

// Group is a service with all its instances, or one of them where they differ.
type Group struct {
	config.Service
	Name     string
	Replicas int
}

// Groups joins the instances that are alike, so that a format's own replicas
// can stand for them. name makes a name that the format allows.
func Groups(services []config.Service, name func(string) string) []Group {
	instances := map[string][]config.Service{} // by template
	for _, s := range services {
		if s.Instance > 0 {
			instances[s.Template] = append(instances[s.Template], s)
		}
	}
	joined := map[string]bool{} // templates whose instances are alike
	for template, all := range instances {
		joined[template] = alike(all)
	}
	var out []Group
	for _, s := range services {
		switch all := instances[s.Template]; {
		case s.Instance == 0:
			out = append(out, Group{s, name(s.Name), 1})
		case !joined[s.Template]:
			out = append(out, Group{s, name(strings.ReplaceAll(s.Name, "@", "-")), 1})
		case s.Name == all[0].Name:
			out = append(out, Group{s, name(s.Template), len(all)})
		}
	}
	return out
}

// GroupOf gives the name of the group that a service is in.
func GroupOf(groups []Group, services []config.Service, service string) string {
	for _, g := range groups {
		if g.Service.Name == service {
			return g.Name
		}
	}
	for _, s := range services {
		if s.Name != service {
			continue
		}
		for _, g := range groups {
			if g.Template == s.Template {
				return g.Name
			}
		}
	}
	return ""
}

// alike says whether instances differ in nothing but their names.
func alike(all []config.Service) bool {
	text := func(s config.Service) string {
		s.Log.File.Path = ""
		number := s.Name
		s.Name, s.Instance = "x", 0
		var b strings.Builder
		if config.Print(&b, s) != nil {
			return number // unlike any other
		}
		return b.String()
	}
	first := text(all[0])
	return !slices.ContainsFunc(all[1:], func(s config.Service) bool { return text(s) != first })
}

// Starting gives the names of the services that start by themselves, and of
// those that they need.
func Starting(services []config.Service) map[string]bool {
	out := map[string]bool{}
	for _, s := range config.Needed(services, nil) {
		out[s.Name] = true
	}
	return out
}
