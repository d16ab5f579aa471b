package supervisor

import (
	"supervise/internal/config"
	"supervise/internal/event"
	"supervise/internal/notify"
	"supervise/internal/tree"
	"supervise/internal/watch"
)

// What follows has another image of this process go on where this one is: a supervise
// that is replaced by another binary. Processes stay our children over an exec, and
// descriptors stay open. All else that the owner knows is carried, see package carry.
//
// What goes on by itself meanwhile, and is begun anew afterwards: looks at services,
// and the watches of files, for which a change in between counts as one.

// Carried is what a loop knows.
type Carried struct {
	Set       carriedSet
	Seq       uint64
	Orphans   int
	Children  map[int]child
	Trees     map[int]tree.Carried // by index
	Voices    map[int]carriedVoice
	Pipes     map[int]*notify.CarriedPipe // of the present runs
	Directory *notify.CarriedDirectory
	Files     map[int]carriedFiles // of runit
	Watched   map[int]watch.Left
	Outcomes  *map[int][]sentTo // with a recorder
}

// child is whose a child of ours is.
type child struct {
	Service int
	Hook    bool
}

type carriedVoice struct {
	Address notify.Address
	Access  notify.Access
	Of      notify.Service
	Ration  notify.Ration
	Socket  *notify.CarriedSocket
	Stored  bool // it has a store
	Store   []notify.CarriedStore
}

type carriedFiles struct {
	Path    string
	Failing bool
}

// Quieten ends what looks at services and watches their files, so that no news of it is
// on its way when [Loop.Carry] is called. [Loop.Resume] begins it anew.
func (l *Loop) Quieten() {
	for service := range l.lookers {
		l.endLooks(service)
	}
	for i, w := range l.watchers {
		if w.watcher != nil {
			_ = w.watcher.Close()
			l.left[i] = w.watcher.Left()
			delete(l.watchers, i)
			l.quieted[i] = w // what it has told just now is on its way
		}
	}
}

// Resume takes up again what Quieten has ended.
func (l *Loop) Resume() {
	for _, o := range l.services.attention() {
		switch a := o.Action.(type) {
		case LookReady, LookHealth, LookIdle:
			if l.lookers[o.Service] == nil || a == (LookIdle{}) {
				l.beginLooks(o.Service, o.Spec, a)
			}
		case WatchFiles:
			if l.watchers[o.Service] == nil {
				var before *watch.Left // none where they could not be watched
				if left, there := l.left[o.Service]; there {
					before = &left
				}
				l.watchFiles(o.Service, o.Spec, before)
			}
		}
	}
	clear(l.left)
}

// Busy says why the state cannot be carried at this moment; "": it can. It passes.
func (l *Loop) Busy() string {
	if name := l.set.making(); name != "" {
		return "a process of " + name + " is being made"
	}
	if !l.reaper.Idle() {
		return "a process is being made"
	}
	for service := range l.looking {
		return "a command that looks at " + l.nameOf(service) + " has not ended"
	}
	for service, v := range l.voices {
		if v.ended != nil || len(v.held) > 0 {
			return "the last words of " + l.nameOf(service) + " are waited for"
		}
	}
	for service, v := range l.voices {
		if l.hearing.Unheard(voiceKey{v}) > 0 {
			return "the words of " + l.nameOf(service) + " are not heard to the end"
		}
	}
	for service := range l.watchers {
		return "the watch of files of " + l.nameOf(service) + " is being made"
	}
	if len(l.inbox) > 0 || l.onTheirWay.Load() > 0 {
		return "there is too much going on"
	}
	return ""
}

func (l *Loop) nameOf(service int) string {
	if spec := l.services.Spec(service); spec != nil {
		return spec.Name
	}
	return "a service that is gone"
}

// Hearing is what receives the words of services; nil: none has any.
func (l *Loop) Hearing() *notify.Receiver { return l.hearing }

// Ending says that the services are gone, or on their way.
func (l *Loop) Ending() bool { return l.set != l.services || l.services.ShuttingDown() }

// Carry gives all that the loop knows. It is to be called after Quieten, when the loop is
// not Busy and what it hears of services is paused. It shares what it gives with the
// loop: who has it is through with it when the loop goes on.
func (l *Loop) Carry() *Carried {
	c := &Carried{Set: l.services.carry(), Seq: l.stamper.Last(), Orphans: l.orphans, Children: map[int]child{}, Trees: map[int]tree.Carried{},
		Voices: map[int]carriedVoice{}, Pipes: map[int]*notify.CarriedPipe{}, Files: map[int]carriedFiles{}, Watched: l.left}
	for pid, key := range l.reaper.Known() {
		switch k := key.(type) {
		case mainKey:
			c.Children[pid] = child{Service: k.service}
		case hookKey:
			c.Children[pid] = child{Service: k.service, Hook: true}
		}
	}
	for i, t := range l.trees {
		if t != nil {
			c.Trees[i] = t.Carry()
		}
	}
	for i, v := range l.voices {
		l.carryVoice(c, i, v)
	}
	if l.hearing != nil {
		c.Directory = l.hearing.Directory()
	}
	for i, k := range l.kept {
		c.Files[i] = carriedFiles{k.path, k.failing}
	}
	if l.recorder != nil {
		c.Outcomes = &l.recorder.outcomes.waiting
	}
	return c
}

func (l *Loop) carryVoice(c *Carried, service int, v *voice) {
	one := carriedVoice{Address: v.address, Access: v.access, Of: v.of, Ration: v.ration, Stored: v.store != nil}
	one.Socket, _ = l.hearing.Carry(voiceKey{v})
	if g := l.runs[service]; g != nil {
		_, c.Pipes[service] = l.hearing.Carry(fdKey{g})
	}
	if v.store != nil {
		one.Store = v.store.Carry()
	}
	c.Voices[service] = one
}

// Specs are the configurations of all services.
func (c *Carried) Specs() (specs []config.Service) {
	for _, s := range c.Set.Services {
		if s != nil {
			specs = append(specs, *s.Spec)
		}
	}
	return specs
}

// Restore makes a loop that goes on where another was, in the image of this process
// before. It is [NewLoop] and all that is said to a loop before [Loop.Run], whose place
// [Loop.Continue] takes.
func Restore(w World, c *Carried, seed uint64) (*Loop, error) {
	l := NewLoop(w, nil, seed)
	l.services = restoreSet(c.Set, seed)
	l.set, l.trees = l.services, make([]*tree.Tree, l.services.Len())
	l.stamper = event.NewStamperAfter(c.Seq)
	l.orphans = c.Orphans
	for i, t := range c.Trees {
		l.treeOf(i, l.set.Spec(i)).Restore(t)
		l.runs[i] = l.givenBefore(i)
	}
	for pid, one := range c.Children {
		if one.Hook {
			l.reaper.Name(pid, hookKey{one.Service})
		} else {
			l.reaper.Name(pid, mainKey{one.Service})
		}
	}
	if err := l.restoreVoices(c); err != nil {
		return nil, err
	}
	for i, f := range c.Files {
		if err := l.restoreFiles(i, f); err != nil {
			return nil, err
		}
	}
	if l.recorder != nil && c.Outcomes != nil {
		l.recorder.outcomes.waiting = *c.Outcomes
	}
	return l, nil
}

// givenBefore stands for what the present run was given by the image before.
func (l *Loop) givenBefore(service int) *given {
	g := &given{service: service, spec: l.set.Spec(service)}
	g.matched = func() { l.sendLater(spoke{g}) }
	return g
}

// Matched is what is to be called when a line of output of a service matches what makes
// the present run ready, which the image before has started.
func (l *Loop) Matched(name string) func() {
	if g := l.runs[l.set.Index(name)]; g != nil {
		return g.matched
	}
	return func() {} // its service is gone, and somebody still writes
}

func (l *Loop) restoreVoices(c *Carried) error {
	if len(c.Voices) == 0 && c.Directory == nil {
		return nil
	}
	if err := l.beginHearing(); err != nil {
		return err
	}
	l.hearing.RestoreDirectory(c.Directory)
	for i, one := range c.Voices {
		v := &voice{index: i, address: one.Address, access: one.Access, of: one.Of, ration: one.Ration}
		l.voices[i] = v
		if err := l.hearing.Restore(voiceKey{v}, one.Socket, nil); err != nil {
			return err
		}
		if err := l.hearing.Restore(fdKey{l.runs[i]}, nil, c.Pipes[i]); err != nil {
			return err
		}
		if one.Stored {
			v.store = notify.NewStore(maxStored, l.hearing.Files(storeKey{v}))
			v.store.Restore(one.Store)
		}
	}
	return nil
}

func (l *Loop) restoreFiles(service int, f carriedFiles) error {
	spec := l.set.Spec(service)
	files := l.Runit.Files(f.Path, spec.Name)
	if files == nil {
		return nil
	}
	l.numbers++
	k := &kept{Files: files, service: service, number: l.numbers, path: f.Path, failing: f.Failing}
	l.kept[service], l.numbered[k.number] = k, k
	return l.Runit.Letters.Add(files, k.number)
}

// Continue is [Loop.Run] for a loop that goes on where another was.
func (l *Loop) Continue(c *Carried) (status int) {
	if c.Watched != nil {
		l.left = c.Watched
	}
	l.Resume()
	for _, o := range l.services.attention() {
		if _, armed := o.Action.(Arm); armed {
			l.arm(o.Service, o.Spec)
		}
	}
	for i, t := range l.trees {
		if t == nil {
			continue
		}
		if p := t.Loose(); p != nil {
			l.awaitMain(i, t, *p)
		}
		l.cleanIfDue(i)
	}
	l.reap() // what has ended meanwhile
	if l.BeatEvery > 0 {
		l.Beat() // the image before may just have been about to
	}
	return l.work()
}
