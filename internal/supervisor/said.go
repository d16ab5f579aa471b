package supervisor

import (
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"supervise/internal/config"
	"supervise/internal/event"
	"supervise/internal/launch"
	"supervise/internal/notify"
	"supervise/internal/procfs"
	"supervise/internal/reaper"
)

// What services say of themselves, see package notify: what of it is believed,
// and what it means.

// voice is what we know of a service as one that speaks to us. It outlives its
// runs, since what it has stored does.
type voice struct {
	index   int
	address notify.Address // of the present run; "": none
	access  notify.Access
	of      notify.Service
	held    []*notify.Datagram // came before the news of its start
	ration  notify.Ration
	store   *notify.Store // nil: nothing was ever stored
	ended   *death        // of its main process, which is looked at when it has been heard to the end
}

// The keys of what the receiver has for a service: of its socket, of the
// descriptor of one run, and of its store.
type (
	voiceKey struct{ *voice }
	fdKey    struct{ *given }
	storeKey struct{ *voice }
)

// maxStored is how many descriptors a service may leave with us.
const maxStored = 64

// listen opens the ways by which the next run can say something.
func (l *Loop) listen(service int, spec *config.Service, g *given) error {
	notifies := spec.Watchdog > 0 || spec.Ready != nil && spec.Ready.Kind == config.ProbeNotify
	byFD := spec.Ready != nil && spec.Ready.Kind == config.ProbeFD
	if !notifies && !byFD {
		l.forgetVoice(service) // it had one by another configuration
		return nil
	}
	if err := l.beginHearing(); err != nil {
		return err
	}
	v := l.voices[service]
	if v == nil {
		v = &voice{index: service}
		l.voices[service] = v
	}
	if byFD {
		l.hearing.Remove(fdKey{l.runs[service]})
		w, err := l.hearing.OpenFD(fdKey{g})
		if err != nil {
			return err
		}
		g.open = append(g.open, w)
		g.At = map[int]int{spec.Ready.FD: w}
	}
	if !notifies {
		return nil
	}
	address, err := l.hearing.Open(voiceKey{v}, spec.Name, notify.Anywhere)
	if err != nil {
		return err
	}
	v.address, v.access = address, notify.AccessAll
	g.Env = append(g.Env, "NOTIFY_SOCKET="+string(address))
	if spec.Watchdog > 0 {
		g.Env = append(g.Env, watchdogEnvironment(spec.Watchdog))
		g.OwnPID = append(g.OwnPID, "WATCHDOG_PID")
	}
	if v.store == nil {
		return nil
	}
	for _, s := range v.store.List() {
		fd, err := unix.FcntlInt(uintptr(s.FD), unix.F_DUPFD_CLOEXEC, 3)
		if err != nil {
			return fmt.Errorf("handing on what is stored: %w", err)
		}
		g.open = append(g.open, fd)
		g.Listen = append(g.Listen, launch.Descriptor{FD: fd, Name: s.Name})
	}
	return nil
}

// beginHearing makes what receives the words of services, once.
func (l *Loop) beginHearing() (err error) {
	if l.hearing == nil {
		l.hearing, err = notify.New(func(r notify.Received) { l.Send(said{r}) })
	}
	return err
}

// speaks takes note of the process that speaks for a service from now on, and
// hears what came before the news of it.
func (l *Loop) speaks(service, pid int) {
	v := l.voices[service]
	if v == nil {
		return
	}
	var st unix.Stat_t
	uid := os.Geteuid()
	if unix.Stat(fmt.Sprintf("/proc/%d", pid), &st) == nil {
		uid = int(st.Uid)
	}
	v.of = notify.Service{Main: pid, UID: uid, Cgroup: procfs.Cgroup(pid), Mark: l.trees[service].Mark()}
	l.hearing.Main(voiceKey{v}, pid)
	held := v.held
	v.held = nil
	for _, d := range held {
		l.hear(v, d)
	}
}

// silent: a start has failed.
func (l *Loop) silent(service int) {
	if v := l.voices[service]; v != nil {
		for _, d := range v.held {
			d.Done()
		}
		v.held = nil
	}
}

// clearStore drops what a service has left with us for its next run.
func (l *Loop) clearStore(service int) {
	if v := l.voices[service]; v != nil && v.store != nil {
		v.store.Clear()
	}
}

// forgetVoice lets go all that a service has with us.
func (l *Loop) forgetVoice(service int) {
	v := l.voices[service]
	if v == nil {
		return
	}
	l.silent(service)
	l.clearStore(service)
	l.hearing.Remove(voiceKey{v})
	l.hearing.Remove(fdKey{l.runs[service]})
	l.hearing.Remove(storeKey{v})
	delete(l.voices, service)
}

// said is something that a service said.
type said struct{ notify.Received }

func (s said) handle(l *Loop) {
	switch r := s.Received.(type) {
	case *notify.Datagram:
		l.datagram(r)
	case notify.Newline:
		spoke{r.Key.(fdKey).given}.handle(l)
	case notify.NoNewline:
		if g := r.Key.(fdKey).given; l.runs[g.service] == g {
			l.tell(g.service, event.Event{Name: event.NotifyRefused, Why: "its descriptor for readiness: " + r.Why})
		}
	case notify.HungUp:
		if v := r.Key.(storeKey).voice; l.voices[v.index] == v && v.store != nil {
			v.store.HungUp(r)
		}
	}
}

func (l *Loop) datagram(d *notify.Datagram) {
	v := d.Key.(voiceKey).voice
	switch {
	case l.voices[v.index] != v || d.Address != v.address: // of an earlier run
		d.Done()
	case d.Sender.PID == os.Getpid(): // of [Loop.outlived]
		d.Done()
		if v.ended != nil {
			v.ended.handle(l)
		}
	case l.set.Machine(v.index).forking:
		v.held = append(v.held, d)
	default:
		l.hear(v, d)
	}
}

// death is the end of a main process that may have said something before.
type death struct {
	service int
	change  reaper.Change
}

// soundTime is how long a death waits for what was said before it. It is there
// for a socket that is not read any more, see notify.Datagram.
const soundTime = time.Second

// outlived has what a main process said in its last moments be heard before its
// end counts: READY=1 of one that was quick, the pid of a daemon that goes on in
// its place, why it failed. It says whether there may be such words; then the
// death comes back.
func (l *Loop) outlived(service int, c reaper.Change) bool {
	v := l.voices[service]
	if v == nil || v.address == "" {
		return false
	}
	d, address := &death{service, c}, v.address
	v.ended = d
	go func() {
		if address.Sound(soundTime) == nil {
			time.Sleep(soundTime)
		}
		l.Send(d)
	}()
	return true
}

func (d *death) handle(l *Loop) {
	v := l.voices[d.service]
	if v == nil || v.ended != d {
		return
	}
	v.ended = nil
	if l.set.Machine(d.service).PID == d.change.PID {
		l.ended(d.service, d.change)
	} else { // a daemon goes on in its place
		l.replaced(d.service, d.change)
	}
}

// hear does what a datagram asks for, if whoever sent it may.
func (l *Loop) hear(v *voice, d *notify.Datagram) {
	defer d.Done()
	if d.Message.Barrier && d.Err == nil {
		return // all before it has been heard
	}
	if ok, why := notify.Trusted(d.Sender, v.access, l.speaker(v)); !ok {
		if d.Err != nil {
			why += "; " + d.Err.Error()
		}
		l.refuse(v, fmt.Sprintf("from %s: %s", senderText(d.Sender), why))
		return
	}
	if d.Err != nil {
		l.refuse(v, fmt.Sprintf("from %s: %v", senderText(d.Sender), d.Err))
	}
	if pid, err := d.NewMain(); err != nil {
		l.refuse(v, err.Error())
	} else if pid != 0 {
		l.replaceMain(v, pid)
	}
	l.obey(v, d)
}

// speaker is a service as it is now.
func (l *Loop) speaker(v *voice) notify.Service {
	of := v.of
	of.Main = l.set.Machine(v.index).PID
	if side := l.trees[v.index].Side(); side != 0 {
		of.Hooks = []int{side}
	}
	return of
}

// obey does what a trusted message says, in the order in which it would be
// said one by one.
func (l *Loop) obey(v *voice, d *notify.Datagram) {
	m, now := d.Message, time.Now()
	apply := func(in Input) { l.set.Apply(v.index, in, now) }
	if m.Access != "" {
		v.access = m.Access
	}
	if m.Status != nil || m.Errno != 0 || m.BusError != "" || m.VarlinkError != "" {
		l.says(v, m)
	}
	if m.RestartReset {
		apply(Reset{})
	}
	if m.WatchdogEvery != nil {
		apply(WatchdogIs{Every: *m.WatchdogEvery})
	}
	if m.ExtendTimeout > 0 {
		apply(Extended{By: m.ExtendTimeout})
	}
	switch m.Watchdog {
	case notify.WatchdogAlive:
		apply(Pinged{})
	case notify.WatchdogTrigger:
		apply(Failing{Why: "it asks for its watchdog to act (WATCHDOG=trigger)"})
	}
	switch {
	case m.RemoveFiles:
		if v.store != nil {
			v.store.Remove(m.Name)
		}
	case m.StoreFiles:
		if v.store == nil {
			v.store = notify.NewStore(maxStored, l.hearing.Files(storeKey{v}))
		}
		name := m.Name
		if name == "" {
			name = notify.DefaultName
		}
		if err := v.store.Add(d.TakeFiles(), name, m.KeepHungUp); err != nil {
			l.refuse(v, err.Error())
		}
	}
	switch {
	case m.Stopping:
		apply(SaysAbout{About: "is stopping"})
	case m.Reloading:
		apply(SaysAbout{About: "is reloading"})
	case m.Ready:
		apply(SaysAbout{About: ""})
		apply(IsReady{})
	}
}

// says takes note of what a service says for people.
func (l *Loop) says(v *voice, m notify.Message) {
	text := ""
	if m.Status != nil {
		text = *m.Status
	}
	if m.Errno != 0 {
		text = join(text, fmt.Sprintf("error %d (%v)", m.Errno, unix.Errno(m.Errno)))
	}
	if m.BusError != "" {
		text = join(text, "error "+m.BusError)
	}
	if m.VarlinkError != "" {
		text = join(text, "error "+m.VarlinkError)
	}
	if text != l.set.Machine(v.index).Says {
		l.set.Apply(v.index, SaysText{Text: text}, time.Now())
	}
}

// refuse tells of what was not believed, or not understood, and not too often.
func (l *Loop) refuse(v *voice, why string) {
	ok, missed := v.ration.Allow(time.Now())
	if !ok {
		return
	}
	why = strings.ReplaceAll(why, "\n", "; ") // of several mistakes at once
	if missed > 0 {
		why += fmt.Sprintf(" (and %d more)", missed)
	}
	l.tell(v.index, event.Event{Name: event.NotifyRefused, Why: why})
}

func senderText(s notify.Sender) string {
	name := s.Name
	if name == "" {
		name = "gone"
	}
	return fmt.Sprintf("%d (%s, uid %d)", s.PID, name, s.UID)
}
