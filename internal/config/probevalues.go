package config

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"supervise/internal/nearest"
	"supervise/internal/signals"
)

// The functions here read the values of [ready] and [health].

// setAddress reads host:port or unix:///path.
func (d *draft) setAddress(p *Probe, r *report, n *node) {
	s, ok := d.expandedText(r, n)
	if !ok {
		return
	}
	if path, isUnix := strings.CutPrefix(s, "unix://"); isUnix {
		if path, ok := socketPath(r, n, path); ok {
			p.Address = "unix://" + path
		}
		return
	}
	s = strings.TrimPrefix(s, "tcp://") // as it is written in [[sockets]]
	if checkHostPort(r, n, s) {
		p.Address = s
	}
}

func checkHostPort(r *report, n *node, s string) bool {
	_, port, err := net.SplitHostPort(s)
	if err != nil {
		hint := `write host:port, as in "127.0.0.1:5432" or "[::1]:5432", or "unix:///path"`
		if _, err := strconv.ParseUint(s, 10, 16); err == nil {
			hint = fmt.Sprintf("did you mean \"127.0.0.1:%s\"?", s)
		}
		r.fail(n, fmt.Sprintf("%q is no address", s), hint)
		return false
	}
	if v, err := strconv.ParseUint(port, 10, 16); err != nil || v == 0 {
		r.fail(n, fmt.Sprintf("%q is no port", port), "it is a number from 1 to 65535")
		return false
	}
	return true
}

// socketPath reads the path of a unix socket as [[sockets]] does: relative to the
// file, and with an @ before it, in the abstract namespace.
func socketPath(r *report, n *node, path string) (string, bool) {
	if err := checkListenPath(path); err != nil {
		problem, hint, _ := strings.Cut(err.Error(), "; ")
		r.fail(n, problem, hint)
		return "", false
	}
	if path[0] != '@' {
		path = absolute(n.at.File, path)
	}
	if len(path) > maxSocketPath {
		r.fail(n, fmt.Sprintf("the path of the socket has %d bytes", len(path)), fmt.Sprintf("a unix socket has at most %d, see unix(7)", maxSocketPath))
		return "", false
	}
	return path, true
}

// setURL reads http://host:port/path or unix:///socket:/path, and writes both
// out: with the port, and with the path.
func (d *draft) setURL(p *Probe, r *report, n *node) {
	s, ok := d.expandedText(r, n)
	if !ok {
		return
	}
	if rest, isUnix := strings.CutPrefix(s, "unix://"); isUnix {
		socket, target, found := strings.Cut(rest, ":")
		if !found {
			target = "/"
		}
		u, err := url.ParseRequestURI(target)
		if err != nil || !strings.HasPrefix(target, "/") {
			r.fail(n, fmt.Sprintf("%q is no path to ask for", target), `write "unix:///run/app.sock:/health"`)
		} else if socket, ok := socketPath(r, n, socket); ok && strings.Contains(socket, ":") {
			r.fail(n, fmt.Sprintf("the path %s has a ':' in it", socket), "a colon ends the path of the socket in a URL; choose another directory")
		} else if ok {
			p.URL = "unix://" + socket + ":" + u.RequestURI()
		}
		return
	}
	u, err := url.Parse(s)
	switch {
	case err != nil:
		if e := (*url.Error)(nil); errors.As(err, &e) {
			err = e.Err
		}
		r.fail(n, fmt.Sprintf("%q is no URL: %v", s, err), `write "http://127.0.0.1:8080/health" or "unix:///run/app.sock:/health"`)
	case u.Scheme == "https":
		r.fail(n, "https is not supported, since TLS would cost every supervise memory", `write kind = "exec" with command = ["curl", "-fsS", "`+s+`"], or ask a port that speaks http`)
	case u.Scheme != "http" || u.Host == "":
		r.fail(n, fmt.Sprintf("%q is no http URL", s), `write "http://127.0.0.1:8080/health" or "unix:///run/app.sock:/health"`)
	case u.User != nil:
		r.fail(n, "a user name in a URL is not sent", `write headers = { Authorization = "Basic ..." }`)
	case u.Fragment != "" || u.RawFragment != "":
		r.fail(n, fmt.Sprintf("%q is never sent to a server", "#"+u.Fragment), "leave it out")
	default:
		host := u.Host
		if u.Port() == "" {
			host = net.JoinHostPort(u.Hostname(), "80")
		}
		if checkHostPort(r, n, host) {
			p.URL = "http://" + host + u.RequestURI()
		}
	}
}

// unsentHeaders would break the one request on the one connection.
var unsentHeaders = []string{"connection", "content-length", "transfer-encoding", "upgrade", "expect"}

func (d *draft) setHeaders(p *Probe, r *report, n *node) {
	if !n.isTable {
		r.fail(n, "is "+n.kind()+", expected a table of headers", `write { Authorization = "Bearer ..." }`)
		return
	}
	var all []string
	for _, e := range n.table {
		value, ok := d.expandedText(r, e)
		switch {
		case !ok:
		case e.name == "" || strings.ContainsFunc(e.name, func(c rune) bool { return c <= ' ' || c >= 0x7f || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, c) }):
			r.failAt(e.key, e.path, fmt.Sprintf("%q cannot be the name of a header", e.name), "see RFC 9110, 5.1")
		case slices.Contains(unsentHeaders, strings.ToLower(e.name)):
			r.failAt(e.key, e.path, "cannot be chosen", "a probe asks once, without a body, and hangs up")
		case strings.ContainsFunc(value, func(c rune) bool { return c < ' ' && c != '\t' || c == 0x7f }):
			r.fail(e, "contains a control character", "a header is one line")
		default:
			all = append(all, e.name+": "+strings.TrimSpace(value))
		}
	}
	slices.Sort(all)
	p.Header = all
}

// statusRanges reads 200, "200-299" or an array of these.
func statusRanges(r *report, n *node) ([]StatusRange, bool) {
	list := []*node{n}
	if n.isList {
		list = n.list
	}
	if len(list) == 0 {
		r.fail(n, "is empty", "no answer would be right; leave it out for 200 to 399")
		return nil, false
	}
	var out []StatusRange
	for _, e := range list {
		written := fmt.Sprint(e.scalar)
		from, to, isRange := strings.Cut(written, "-")
		if !isRange {
			to = from
		}
		a, errA := strconv.Atoi(strings.TrimSpace(from))
		b, errB := strconv.Atoi(strings.TrimSpace(to))
		switch {
		case errA != nil || errB != nil:
			r.fail(e, fmt.Sprintf("%s is no HTTP status", cmp.Or(e.raw, written)), `write 200, "200-299" or an array of these`)
		case a < 200 || b > 599 || a > b:
			r.fail(e, fmt.Sprintf("%s is no range of HTTP statuses", written), "they go from 200 to 599, the lower one first")
		default:
			out = append(out, StatusRange{a, b})
		}
	}
	return out, len(out) == len(list)
}

// String gives the range as a configuration says it: "200-299", "204".
func (s StatusRange) String() string {
	if s.From == s.To {
		return strconv.Itoa(s.From)
	}
	return fmt.Sprintf("%d-%d", s.From, s.To)
}

// setPattern reads a regular expression. Ten thousand instances share one.
func (d *draft) setPattern(to **regexp.Regexp, r *report, n *node) {
	s, ok := d.expandedText(r, n)
	if !ok {
		return
	}
	if n.pattern == nil || n.pattern.String() != s {
		compiled, err := regexp.Compile(s)
		if err != nil {
			r.fail(n, "is no regular expression: "+strings.TrimPrefix(err.Error(), "error parsing regexp: "),
				`their form is that of https://pkg.go.dev/regexp/syntax; 'single quotes' keep TOML from reading backslashes`)
			return
		}
		n.pattern = compiled
	}
	*to = n.pattern
}

func (d *draft) setProbePath(p *Probe, r *report, n *node) {
	if s, ok := d.fullPath(r, n); ok {
		p.Path = s
	}
}

// fullPath reads a path that is relative to its file.
func (d *draft) fullPath(r *report, n *node) (string, bool) {
	s, ok := d.expandedText(r, n)
	if ok && s == "" {
		r.fail(n, "is empty", "")
		return "", false
	}
	return absolute(n.at.File, s), ok
}

func (d *draft) setHealthAction(r *report, n *node) {
	if action, sig, ok := actionOrSignal(HealthSignal, HealthRestart, HealthReport)(r, n); ok {
		d.health.Action, d.health.Signal = action, sig
	}
}

// actionOrSignal reads one of a few actions, or a signal, which is the action
// bySignal.
func actionOrSignal[A ~string](bySignal A, actions ...A) func(*report, *node) (A, signal, bool) {
	return func(r *report, n *node) (A, signal, bool) {
		written := fmt.Sprint(n.scalar)
		if slices.Contains(actions, A(written)) {
			return A(written), 0, true
		}
		s, err := signals.Parse(written)
		if err == nil {
			return bySignal, s, true
		}
		words := make([]string, len(actions))
		for i, a := range actions {
			words[i] = string(a)
		}
		hint := "it is " + strings.Join(words, ", ") + ` or a signal, as in "HUP"`
		if best := nearest.Word(written, words); best != "" {
			hint = "did you mean " + best + "? " + hint
		}
		if n.scalar == nil {
			r.fail(n, "is "+n.kind()+", expected an action", hint)
		} else {
			r.fail(n, fmt.Sprintf("%q is not known here", written), hint)
		}
		return "", 0, false
	}
}
