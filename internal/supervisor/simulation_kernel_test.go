package supervisor

import (
	"fmt"
	"slices"

	"golang.org/x/sys/unix"

	"supervise/internal/config"
	"supervise/internal/policy"
	"supervise/internal/procfs"
	"supervise/internal/reaper"
	"supervise/internal/signals"
	"supervise/internal/tree"
)

// The kernel of the simulation: a table of processes with parents, groups and
// sessions, fork, kill, wait and the adoption of orphans. It stands below the
// packages tree and reaper, which are the real ones.

const usr1 = signals.Signal(unix.SIGUSR1)

// simSelf is our own pid there. It is above the largest that Linux gives out
// (PID_MAX_LIMIT is 1<<22, see proc(5)), like all others of the simulation: a
// signal that went past it could reach no process of this machine.
const simSelf = 1 << 23

// simPIDs is how many pids there are besides ours: so few that they are taken
// again soon, and whoever keeps one too long meets another process by it.
const simPIDs = 24

// role is what a process is to its service.
type role string

const (
	roleMain  role = "main"
	roleHook  role = "hook"
	roleLook  role = "look"
	roleChild role = "child" // of one of these
)

// process is one of the simulation.
type simProcess struct {
	pid, parent, group, session int
	start                       uint64
	mark                        string
	service                     string // whose it truly is
	scope                       config.Scope
	leader                      int // the main process that its run had
	role                        role
	run                         int // the how manieth start of the service it belongs to

	dead    bool           // and not waited for
	held    bool           // stopped by a signal
	news    reaper.Kind    // with told: what wait has to tell, Stopped or Continued
	told    bool           // there is such news
	fatal   signals.Signal // it is about to end by this
	deaf    bool           // it ignores all but KILL
	undead  bool           // not even KILL ends it, for a while
	quick   bool           // a signal ends it at once
	loose   bool           // its parent does not wait for it
	awaited bool           // its end was told by Await
	exit    policy.Exit
}

func (p *simProcess) String() string {
	return fmt.Sprintf("%d (%s of %s)", p.pid-simSelf, p.role, p.service)
}

func (p *simProcess) alive() bool { return !p.dead }

// doomed says that it has been killed.
func (p *simProcess) doomed() bool { return p.fatal == signals.KILL }

// simKernel is [tree.System] and [reaper.Kernel].
type simKernel struct {
	w      *world
	dice   *dice // of the step under way
	adopts bool
	table  []*simProcess // the living, and the dead that nobody has waited for
	forks  int
	awaits []simAwait
}

type simAwait struct {
	all  []*simProcess
	gone func()
}

func (k *simKernel) Self() int { return simSelf }

func (p *simProcess) seen() procfs.Process {
	state := byte('S')
	switch {
	case p.dead:
		state = 'Z'
	case p.held:
		state = 'T'
	case p.undead && p.doomed():
		state = 'D'
	}
	return procfs.Process{PID: p.pid, PPID: p.parent, Group: p.group, Session: p.session, State: state, Threads: 1, Start: p.start, Name: p.service}
}

func (k *simKernel) All() ([]procfs.Process, error) {
	all := make([]procfs.Process, 0, len(k.table))
	for _, p := range k.table {
		all = append(all, p.seen())
	}
	return all, nil
}

func (k *simKernel) find(pid int) *simProcess {
	for _, p := range k.table {
		if p.pid == pid {
			return p
		}
	}
	return nil
}

func (k *simKernel) Stat(pid int) (procfs.Process, error) {
	if pid == simSelf {
		return procfs.Process{PID: simSelf, Group: simSelf, Session: simSelf, State: 'R', Threads: 1, Start: 1}, nil
	}
	if p := k.find(pid); p != nil {
		return p.seen(), nil
	}
	return procfs.Process{}, unix.ENOENT
}

func (k *simKernel) Environ(pid int) ([]byte, error) {
	p := k.find(pid)
	switch {
	case p == nil:
		return nil, unix.ENOENT
	case p.dead:
		return nil, nil
	}
	return []byte(tree.MarkVariable + "=" + p.mark), nil
}

func (k *simKernel) Children() (all []int, err error) {
	for _, p := range k.table {
		if p.parent == simSelf {
			all = append(all, p.pid)
		}
	}
	return all, nil
}

// Kill is kill(2).
func (k *simKernel) Kill(pid int, s signals.Signal) error {
	var to []*simProcess
	for _, p := range k.table {
		if p.pid == pid || p.group == -pid {
			to = append(to, p)
		}
	}
	if len(to) == 0 {
		return unix.ESRCH
	}
	if s == 0 {
		return nil
	}
	for _, p := range to {
		k.signal(p, s)
	}
	return nil
}

// Hold is pidfd_open(2).
func (k *simKernel) Hold(p procfs.Process) (tree.Hold, bool) {
	found := k.find(p.PID)
	return simHold{k, found}, found != nil && found.start == p.Start
}

type simHold struct {
	k *simKernel
	p *simProcess
}

func (h simHold) Signal(s signals.Signal) error {
	if h.p.dead {
		return unix.ESRCH
	}
	h.k.signal(h.p, s)
	return nil
}

func (simHold) Release() {}

func (k *simKernel) signal(p *simProcess, s signals.Signal) {
	if p.dead {
		return
	}
	k.w.signalled(p, s)
	switch s {
	case signals.CONT:
		if p.held {
			p.held, p.news, p.told = false, reaper.Continued, true
			k.childNews(p)
		}
	case signals.STOP:
		k.hold(p)
	case usr1, signals.WINCH: // it has something to do for them
	case signals.KILL:
		p.fatal = s
	default:
		if !p.deaf && p.fatal == 0 {
			p.fatal = s
		}
	}
	if p.quick {
		k.react(p)
	}
}

// hold stops a process.
func (k *simKernel) hold(p *simProcess) {
	if !p.held {
		p.held, p.news, p.told = true, reaper.Stopped, true
		k.childNews(p)
	}
}

// react lets a process die of the signal that it got, if it can.
func (k *simKernel) react(p *simProcess) {
	if p.alive() && p.fatal != 0 && (p.doomed() || !p.held) && !(p.doomed() && p.undead) {
		k.end(p, policy.Exit{Signal: p.fatal})
	}
}

func (k *simKernel) childNews(p *simProcess) {
	if p.parent == simSelf {
		k.w.childNews = true
	}
}

// end is exit(2).
func (k *simKernel) end(p *simProcess, e policy.Exit) {
	p.dead, p.exit, p.held, p.told = true, e, false, false
	k.w.ended(p)
	adopter := 1
	if k.adopts {
		adopter = simSelf
	}
	for _, c := range slices.Clone(k.table) {
		if c.parent != p.pid {
			continue
		}
		if c.parent = adopter; c.dead && adopter == 1 {
			k.remove(c)
		} else if c.dead {
			k.childNews(c)
		}
	}
	if p.parent != simSelf && !(p.loose && p.parent != 1) {
		k.remove(p)
	}
	k.childNews(p)
	var waiting []simAwait
	var told []func()
	for _, a := range k.awaits {
		if slices.ContainsFunc(a.all, (*simProcess).alive) {
			waiting = append(waiting, a)
			continue
		}
		for _, p := range a.all {
			p.awaited = true
		}
		told = append(told, a.gone)
	}
	k.awaits = waiting
	for _, gone := range told { // the owner may go on from here
		gone()
	}
}

func (k *simKernel) remove(p *simProcess) {
	k.table = slices.DeleteFunc(k.table, func(other *simProcess) bool { return other == p })
}

// Await is pidfd_open(2) and poll(2).
func (k *simKernel) Await(all []procfs.Process, gone func()) bool {
	a := simAwait{gone: gone}
	for _, p := range all {
		if found := k.find(p.PID); found != nil && found.start == p.Start && found.alive() {
			a.all = append(a.all, found)
		}
	}
	if len(a.all) == 0 {
		gone()
	} else {
		k.awaits = append(k.awaits, a)
	}
	return true
}

// newPID gives the lowest that is no process's, group's or session's.
func (k *simKernel) newPID() int {
	for pid := simSelf + 1 + k.forks%simPIDs; ; pid++ {
		taken := slices.ContainsFunc(k.table, func(p *simProcess) bool { return p.pid == pid || p.group == pid || p.session == pid })
		if !taken {
			return pid
		}
	}
}

// born puts a process into the table.
func (k *simKernel) born(p *simProcess) *simProcess {
	p.pid = k.newPID()
	k.forks++
	p.start = uint64(k.forks) + 1
	if p.group == 0 {
		p.group, p.session = p.pid, p.pid
	}
	p.deaf, p.undead, p.quick, p.loose = k.dice.one(3), k.dice.one(10), k.dice.one(3), k.dice.one(4)
	k.table = append(k.table, p)
	return p
}

// childOf is fork(2) by a process of a service.
func (k *simKernel) childOf(p *simProcess, ownSession bool) *simProcess {
	c := &simProcess{parent: p.pid, group: p.group, session: p.session, mark: p.mark, service: p.service, role: roleChild, run: p.run, scope: p.scope, leader: p.leader}
	if p.role == roleLook {
		c.role = roleLook
	}
	if ownSession {
		c.group, c.session = 0, 0
	}
	return k.born(c)
}

// Wait is waitid(2).
func (k *simKernel) Wait(kind, id, options int) (reaper.Change, error) {
	childless := true
	for _, p := range k.table {
		if p.parent != simSelf || kind == unix.P_PID && p.pid != id {
			continue
		}
		childless = false
		c := reaper.Change{PID: p.pid}
		switch {
		case p.dead && options&unix.WEXITED != 0:
			c.Kind, c.Exit = reaper.Ended, p.exit
			if options&unix.WNOWAIT == 0 {
				k.remove(p)
			}
			return c, nil
		case p.told && options&unix.WSTOPPED != 0:
			if c.Kind = p.news; c.Kind == reaper.Stopped {
				c.Signal = signals.STOP
			}
			p.told = options&unix.WNOWAIT != 0
			return c, nil
		}
	}
	if childless {
		return reaper.Change{}, unix.ECHILD
	}
	return reaper.Change{}, unix.EAGAIN // none has changed
}

// Fork is fork(2) and execve(2), on the goroutine that forks.
func (k *simKernel) Fork(image reaper.Image) (int, error) {
	if k.w.fate == forkRefused {
		return 0, &reaper.StartError{Status: 125, Err: unix.EAGAIN}
	}
	p := &simProcess{parent: simSelf, service: image.Path, role: role(image.Argv[0]), mark: image.Env[0]}
	if !image.Sys.Setsid { // a group in our session
		p.session = simSelf
	}
	k.w.forked(k.born(p), image)
	if k.dice.one(12) { // it ends before anybody knows that it is there
		k.end(p, policy.Exit{Code: 1})
		k.w.loop.Send(childChanged{})
	}
	return p.pid, nil
}
