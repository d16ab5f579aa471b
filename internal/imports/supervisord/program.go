package supervisord

import (
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"
	"time"

	"supervise/internal/config"
	"supervise/internal/imports"
	"supervise/internal/signals"
)

// anyNumber stands for the number of the process where it may be any.
const anyNumber = imports.Instance

// mostProcesses is what a configuration of ours allows.
const mostProcesses = 10_000

// program is a [program:x] or [fcgi-program:x].
type program struct {
	*file
	*section
	name    string
	taken   map[string]bool
	service *imports.Service
	names   map[string]string // what %(name)s stands for
}

// make makes the services of the program: one, one with instances, or one for
// each process when their numbers are not 1, 2, 3 or are padded.
func (p *program) make(fcgi bool) *config.Error {
	count, start := p.counts()
	command, ok := p.last("command")
	if !ok || command.value == "" {
		return &config.Error{Position: p.at, Key: p.section.name, Msg: "has no command", Hint: "supervisord itself refuses such a program"}
	}
	if count > mostProcesses {
		return &config.Error{Position: p.at, Key: p.section.name, Msg: fmt.Sprintf("numprocs is above %d", mostProcesses)}
	}
	if fcgi {
		count = min(count, 1)
	}
	switch {
	case count == 1:
		return p.one(p.name, strconv.Itoa(start), 1, fcgi)
	case start == 1 && !p.pads():
		return p.one(p.name, anyNumber, count, fcgi)
	}
	for i := range count {
		if err := p.one(fmt.Sprintf("%s@%d", p.name, i+1), strconv.Itoa(start+i), 1, fcgi); err != nil {
			return err
		}
		if start != 1 {
			p.service.Differs("", p.at, "["+p.section.name+"]", fmt.Sprintf("%d is its process_num, and instances begin with 1", start+i), "")
		}
	}
	return nil
}

func (p *program) counts() (count, start int) {
	count = 1
	if o, ok := p.last("numprocs"); ok {
		if n, err := strconv.Atoi(o.value); err == nil {
			count = n
		}
	}
	if o, ok := p.last("numprocs_start"); ok {
		start, _ = strconv.Atoi(o.value)
	}
	return count, max(start, 0)
}

// pads says whether a number is padded somewhere.
func (p *program) pads() bool {
	lookup := p.lookup(map[string]string{"process_num": anyNumber, "numprocs": "1", "program_name": "", "group_name": "", "host_node_name": ""})
	for _, o := range p.options {
		if _, err := format(o.value, lookup); errors.Is(err, paddedError{}) {
			return true
		}
	}
	return false
}

// one makes one service.
func (p *program) one(name, number string, count int, fcgi bool) *config.Error {
	s := p.doc.Add(name)
	s.Instances = count
	p.service = s
	clear(p.taken)
	host, _ := p.world.Getenv("HOSTNAME")
	p.names = map[string]string{"program_name": p.name, "group_name": p.name, "process_num": number, "numprocs": strconv.Itoa(count), "host_node_name": host}
	priority, _ := p.number("priority", 999)
	p.made = append(p.made, made{service: s, section: p.section, group: priority, priority: priority})
	p.environment()
	if err := p.command(fcgi); err != nil {
		return err
	}
	p.surroundings()
	if yes, _ := p.yes("autostart", true); !yes {
		s.Set("autostart", false)
	}
	p.restarts()
	p.stop()
	p.log()
	if fcgi {
		p.socket()
	}
	p.leftovers()
	return nil
}

// text gives an option's value, expanded.
func (p *program) text(name string) (string, option, bool) {
	p.taken[name] = true
	o, ok := p.last(name)
	if !ok {
		return "", o, false
	}
	value, err := format(o.value, p.lookup(p.names))
	if err != nil {
		p.lost("", o, err.Error(), remedy(err))
		return "", o, false
	}
	return value, o, true
}

func (p *program) lost(table string, o option, why, instead string) {
	p.service.Lost(table, o.at, o.String(), why, instead)
}

func (p *program) differs(table string, o option, why, instead string) {
	p.service.Differs(table, o.at, o.String(), why, instead)
}

func (p *program) number(name string, otherwise int) (n int, given bool) {
	text, o, ok := p.text(name)
	if !ok {
		return otherwise, false
	}
	n, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil {
		p.lost("", o, "is no number", "")
		return otherwise, false
	}
	return n, true
}

func (p *program) yes(name string, otherwise bool) (yes, given bool) {
	text, o, ok := p.text(name)
	if !ok {
		return otherwise, false
	}
	switch strings.ToLower(text) {
	case "yes", "true", "on", "1":
		return true, true
	case "no", "false", "off", "0":
		return false, true
	}
	p.lost("", o, "is neither true nor false", "")
	return otherwise, false
}

// command splits the command. A FastCGI program finds its socket on descriptor
// 0; a shell moves it there from 3, where supervise puts it.
func (p *program) command(fcgi bool) *config.Error {
	text, o, ok := p.text("command")
	if !ok {
		return &config.Error{Position: o.at, Key: "command", Msg: p.failure(o), Hint: "write what it is to be"}
	}
	words, err := shlexSplit(text)
	if err != nil {
		return &config.Error{Position: o.at, Key: "command", Msg: err.Error()}
	}
	if len(words) == 0 || strings.TrimSpace(words[0]) == "" {
		return &config.Error{Position: o.at, Key: "command", Msg: "is empty"}
	}
	if fcgi {
		words = append([]string{"sh", "-c", `exec "$@" 0<&3 3<&-`, "sh"}, words...)
	}
	p.service.Set("command", patterns(words))
	return nil
}

func (p *program) failure(o option) string {
	_, err := format(o.value, p.lookup(p.names))
	if err == nil {
		return "cannot be used"
	}
	if hint := remedy(err); hint != "" {
		return err.Error() + "; " + hint
	}
	return err.Error()
}

func patterns(words []string) []imports.Pattern {
	out := make([]imports.Pattern, len(words))
	for i, w := range words {
		out[i] = imports.Pattern(w)
	}
	return out
}

// environment sets the variables of [supervisord] and of the program; these
// may stand for %(ENV_X)s in what follows.
func (p *program) environment() {
	for _, v := range p.env {
		p.service.SetEnv(v.name, imports.Pattern(v.value))
	}
	text, o, ok := p.text("environment")
	if !ok {
		return
	}
	all, err := variables(text)
	if err != nil {
		p.lost("", o, err.Error(), "")
		return
	}
	for _, v := range all {
		if v.name == "" || strings.ContainsAny(v.name, "="+anyNumber) {
			p.lost("", o, strconv.Quote(v.name)+" cannot be the name of a variable", "")
			continue
		}
		p.service.SetEnv(v.name, imports.Pattern(v.value))
		p.names["ENV_"+v.name] = v.value
	}
}

func (p *program) surroundings() {
	dir := p.dir
	if text, _, ok := p.text("directory"); ok {
		dir = text
	}
	if dir == "" {
		dir = p.here
	}
	if !path.IsAbs(dir) {
		if rest, home := strings.CutPrefix(dir, "~/"); home {
			own, _ := p.world.Home("")
			dir = path.Join(own, rest)
		}
		dir = path.Join(p.here, dir)
	}
	p.service.Set("dir", imports.Pattern(path.Clean(dir)))
	user := p.user
	text, o, given := p.text("user")
	if given {
		user = text
	}
	if strings.Contains(user, anyNumber) {
		p.lost("", o, "all instances have one user", "")
	} else if user != "" {
		p.service.Set("user", user)
	}
	mask, o, given := p.text("umask")
	if !given {
		mask = p.umask
	}
	if mask == "" {
		return
	}
	if v, err := strconv.ParseUint(strings.TrimPrefix(mask, "0o"), 8, 32); err == nil && v <= 0o777 {
		p.service.Set("umask", fmt.Sprintf("%03o", v))
	} else if given {
		p.lost("", o, "is no umask", "")
	}
}

// restarts turns autorestart, exitcodes, startsecs and startretries into a
// policy. supervisord restarts at once what has been up for startsecs, and gives up what
// was not, after startretries starts that are 1, 2, 3 ... seconds apart.
func (p *program) restarts() {
	when := "on-failure"
	text, o, given := p.text("autorestart")
	switch strings.ToLower(text) {
	case "true", "yes", "on", "1":
		when = "always"
	case "false", "no", "off", "0":
		when = "never"
	case "unexpected":
	default:
		if given {
			p.lost("restart", o, "is none of true, false and unexpected", "")
		}
	}
	p.service.Set("restart.when", when)
	p.exitCodes(when)
	seconds, _ := p.number("startsecs", 1)
	retries, retriesGiven := p.number("startretries", 3)
	seconds, retries = min(max(seconds, 0), 1<<20), max(retries, 0)
	if when == "never" {
		if o, ok := p.last("startretries"); ok && retriesGiven && retries > 0 {
			p.lost("restart", o, "what is never restarted is not started again when it fails at once, either", `write when = "on-failure" with a limit`)
		}
		return
	}
	if seconds == 0 {
		return // no end is too early, so nothing counts against a limit
	}
	var delays []any
	sum := time.Duration(0)
	for i := range min(max(retries, 1), longestDelay) {
		delays = append(delays, time.Duration(i+1)*time.Second)
		sum += time.Duration(i+1) * time.Second
	}
	last := time.Duration(len(delays)) * time.Second
	p.service.Set("restart.delays", delays)
	p.service.Set("restart.jitter", 0)
	up := time.Duration(seconds) * time.Second
	p.service.Set("restart.reset_after", up)
	if retries < mostRetries {
		p.service.Set("restart.limit", retries+1)
		starts := time.Duration(retries + 1)
		p.service.Set("restart.within", sum+time.Duration(max(0, retries+1-len(delays)))*last+starts*up+time.Second)
	}
}

// longestDelay is how many delays are written out: each is a second longer.
const longestDelay = 10

// mostRetries is from where on startretries means for ever.
const mostRetries = 100_000

func (p *program) exitCodes(when string) {
	text, o, ok := p.text("exitcodes")
	if !ok || when != "on-failure" {
		return
	}
	var codes []any
	for _, word := range strings.Split(text, ",") {
		word = strings.TrimSpace(word)
		if n, err := strconv.Atoi(word); err == nil && n >= 0 && n <= 255 {
			codes = append(codes, n)
		} else if word != "" {
			p.lost("restart", o, strconv.Quote(word)+" is no exit code", "")
		}
	}
	p.service.Set("restart.success", codes)
}

// stop turns stopsignal, stopwaitsecs, stopasgroup and killasgroup into a ladder.
func (p *program) stop() {
	sig := signals.TERM
	if text, o, ok := p.text("stopsignal"); ok {
		if v, err := signals.Parse(text); err == nil {
			sig = v
		} else {
			p.lost("stop", o, err.Error(), "")
		}
	}
	wait, _ := p.number("stopwaitsecs", 10)
	seconds := time.Duration(min(max(wait, 0), 1<<24)) * time.Second
	rung := func(sig signals.Signal, wait time.Duration) imports.Inline {
		return imports.Inline{{Key: "signal", Value: sig}, {Key: "wait", Value: wait}}
	}
	ladder := []imports.Inline{rung(sig, seconds), rung(signals.KILL, 5*time.Second)}
	if sig == signals.KILL {
		ladder = []imports.Inline{rung(sig, max(seconds, time.Second))}
	}
	p.service.Set("stop.ladder", ladder)
	group, _ := p.yes("stopasgroup", false)
	killGroup, killGiven := p.yes("killasgroup", group)
	if group {
		p.service.Set("stop.scope", string(config.Group))
		return
	}
	p.service.Set("stop.scope", string(config.Process))
	if o, _ := p.last("killasgroup"); killGiven && killGroup {
		p.lost("stop", o, "all signals of a stop go to the same processes", `scope = "tree" reaches all of them from the first signal on`)
	}
}

// leftovers tells of the options that nobody has asked for.
func (p *program) leftovers() {
	p.taken["numprocs"], p.taken["numprocs_start"], p.taken["process_name"] = true, true, true
	told := map[string]bool{}
	for _, o := range p.options {
		if p.taken[o.name] || told[o.name] {
			continue
		}
		told[o.name] = true
		switch {
		case strings.HasSuffix(o.name, "_events_enabled"), strings.HasSuffix(o.name, "_capture_maxbytes"):
			if o.value != "0" && o.value != "false" {
				p.lost("", o, "supervise does not speak the protocol of event listeners", "supervise events -f tells what happens, supervise logs -f what was written")
			}
		case o.name == "serverurl":
			p.lost("", o, "there is no supervisord to ask", "SUPERVISE_SOCKET tells the commands of supervise whom to ask")
		default:
			p.lost("", o, "supervise has nothing like it", "")
		}
	}
}
