package supervisord

import (
	"fmt"
	"path"
	"strconv"
	"strings"

	"supervise/internal/config"
	"supervise/internal/imports"
)

// stream is where an output goes.
type stream struct {
	kind string // "auto", "none", "file", "own": supervisord's
	path string
	from option
}

// log carries over where output goes.
func (p *program) log() {
	out, errs := p.stream("stdout"), p.stream("stderr")
	merged, _ := p.yes("redirect_stderr", false)
	size, sizeFrom := p.size("stdout_logfile_maxbytes")
	backups, _ := p.number("stdout_logfile_backups", 10)
	p.taken["stderr_logfile_maxbytes"], p.taken["stderr_logfile_backups"] = true, true
	switch {
	case out.kind == "none" && (merged || errs.kind != "file"):
		p.service.Set("log.to", "none")
	case out.kind == "own" && (merged || errs.kind == "own"):
		p.service.Set("log.to", "inherit")
		if merged {
			p.differs("log", out.from, "standard error goes to supervise's own standard error", "")
		}
		return
	case out.kind != "file" && errs.kind == "file" && !merged:
		out, errs = errs, out
		p.differs("log", out.from, "standard output goes into this file, too", "")
		merged = true
		size, sizeFrom = p.size("stderr_logfile_maxbytes")
		backups, _ = p.number("stderr_logfile_backups", 10)
		fallthrough
	case out.kind == "file":
		p.service.Log.Path = out.path
		set := func(key string, value any) {
			p.service.Log.Fields = append(p.service.Log.Fields, imports.Field{Key: key, Value: value})
		}
		set("max_size", size)
		if backups == 0 {
			p.differs("log", sizeFrom, "one old file is kept, since none cannot be said", "")
			backups = 1
		}
		if backups != 10 {
			set("max_files", min(max(backups, 1), 1_000_000))
		}
		p.errors(errs, merged)
	}
}

// errors says where standard error goes beside a file for standard output.
func (p *program) errors(errs stream, merged bool) {
	switch {
	case merged:
	case errs.kind == "none":
		p.lost("log", errs.from, "standard error goes where standard output goes", "")
	case errs.kind == "file":
		if p.service.Log.Errors = errs.path != p.service.Log.Path; p.service.Log.Errors && errs.path != p.service.Log.Path+".err" {
			p.differs("log", errs.from, "standard error goes to "+p.service.Log.Path+".err", "")
		}
	case errs.kind == "own":
		p.lost("log", errs.from, "standard error goes where standard output goes", "")
	default: // a temporary file of its own
		p.service.Log.Errors = true
	}
}

// stream reads stdout_logfile or stderr_logfile, and syslog's options beside it.
func (p *program) stream(which string) stream {
	if yes, given := p.yes(which+"_syslog", false); given && yes {
		o, _ := p.last(which + "_syslog")
		p.lost("log", o, "supervise does not speak to syslog", "supervise up --log-format json | systemd-cat or logger does")
	}
	text, o, _ := p.text(which + "_logfile")
	s := stream{kind: "auto", from: o}
	text = strings.TrimSpace(text)
	switch strings.ToLower(text) {
	case "", "auto":
		return s
	case "none", "off", "/dev/null":
		s.kind = "none"
		return s
	case "syslog":
		p.lost("log", o, "supervise does not speak to syslog", "supervise up --log-format json | systemd-cat or logger does")
		return s
	case "/dev/stdout", "/dev/stderr", "/dev/fd/1", "/dev/fd/2", "/proc/self/fd/1", "/proc/self/fd/2":
		s.kind = "own"
		return s
	}
	if strings.HasPrefix(text, "/dev/") || strings.HasPrefix(text, "/proc/") || strings.HasSuffix(text, "/") {
		p.lost("log", o, "is no file that could be rotated", "")
		return s
	}
	if rest, home := strings.CutPrefix(text, "~/"); home {
		own, _ := p.world.Home("")
		text = path.Join(own, rest)
	}
	if !path.IsAbs(text) {
		base := p.here
		if path.IsAbs(p.dir) {
			base = p.dir
		}
		text = path.Join(base, text)
	}
	s.kind, s.path = "file", path.Clean(text)
	return s
}

// size reads a number of bytes, which is 50MB when it is not given.
func (p *program) size(name string) (string, option) {
	text, o, ok := p.text(name)
	if !ok {
		return "50MiB", o
	}
	text = strings.ToLower(strings.TrimSpace(text))
	unit := "B"
	for suffix, name := range map[string]string{"kb": "KiB", "mb": "MiB", "gb": "GiB"} {
		if digits, ok := strings.CutSuffix(text, suffix); ok {
			text, unit = strings.TrimSpace(digits), name
		}
	}
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil {
		p.lost("log", o, "is no number of bytes", "")
		return "50MiB", o
	}
	return fmt.Sprintf("%d%s", n, unit), o
}

// socket gives a FastCGI program its socket.
func (p *program) socket() {
	text, o, ok := p.text("socket")
	for _, name := range []string{"socket_mode", "socket_owner", "socket_backlog"} {
		p.taken[name] = true
	}
	if !ok {
		p.service.Lost("", p.at, "["+p.section.name+"]", "it has no socket", "")
		return
	}
	if n, ok := p.last("numprocs"); ok && n.value != "1" {
		p.lost("", n, "instances cannot share one socket of supervise", "let the program itself have several workers")
	}
	text = strings.Replace(strings.Replace(text, "tcp://localhost:", "tcp://127.0.0.1:", 1), "tcp://*:", "tcp://0.0.0.0:", 1)
	if file, isUnix := strings.CutPrefix(text, "unix://"); isUnix {
		text = "unix://" + path.Clean("/"+strings.TrimPrefix(file, "/"))
	}
	socket, err := config.CheckListen(text)
	if err != nil || strings.Contains(text, anyNumber) {
		p.lost("", o, "is no address that supervise can listen on", `write it into [[sockets]]`)
		return
	}
	one := imports.Socket{Socket: socket, At: o.at, Written: o.String()}
	set := func(key string, value any) { one.Fields = append(one.Fields, imports.Field{Key: key, Value: value}) }
	if text, o, ok := p.text("socket_backlog"); ok {
		if n, err := strconv.Atoi(text); err == nil && n >= 1 && n <= 1<<20 {
			set("backlog", n)
		} else {
			p.lost("", o, "is no number of connections", "")
		}
	}
	if socket.HasPath() {
		mode := "700" // what supervisord takes
		if text, o, ok := p.text("socket_mode"); ok {
			if v, err := strconv.ParseUint(text, 8, 32); err == nil && v <= 0o777 {
				mode = fmt.Sprintf("%03o", v)
			} else {
				p.lost("", o, "are no permissions", "")
			}
		}
		set("mode", mode)
		owner, _, _ := p.text("socket_owner")
		user, group, _ := strings.Cut(owner, ":")
		if user == "" {
			user, _, _ = p.text("user")
		}
		if user != "" {
			set("user", user)
		}
		if group != "" {
			set("group", group)
		}
	}
	p.service.Sockets = append(p.service.Sockets, one)
}
