package supervisor

import (
	"time"

	"supervise/internal/config"
	"supervise/internal/event"
	"supervise/internal/runit"
)

// What follows keeps the files by which runit's programs see and steer a service.

// kept is the files of one service.
type kept struct {
	*runit.Files
	service int
	number  int
	path    string
	failing bool // what could not be written was told
}

// writeFiles brings the files of services up to date, before anybody who waits for
// a change can hear of it from us.
func (l *Loop) writeFiles() {
	if l.set != l.services {
		return
	}
	for _, i := range l.set.Touched() {
		k := l.kept[i]
		if k == nil {
			if k = l.beginFiles(i, l.set.Spec(i)); k == nil {
				continue
			}
		}
		err := k.Write(l.set.Runit(i))
		if err != nil && !k.failing {
			l.tell(i, event.Event{Name: event.FilesFailed, Why: err.Error()})
		}
		k.failing = err != nil
	}
}

// beginFiles says that a service is supervised, and begins to listen. nil: there
// are no files for it.
func (l *Loop) beginFiles(service int, spec *config.Service) *kept {
	if l.Runit == nil {
		return nil
	}
	f := l.Runit.Files(spec.Runit.Path, spec.Name)
	if f == nil {
		return nil
	}
	l.numbers++
	k := &kept{Files: f, service: service, number: l.numbers, path: spec.Runit.Path}
	err := f.Begin(l.set.Runit(service))
	if err == nil {
		err = l.Runit.Letters.Add(f, k.number)
	}
	if err != nil {
		k.failing = true
		l.tell(service, event.Event{Name: event.FilesFailed, Why: err.Error()})
	}
	l.kept[service], l.numbered[k.number] = k, k
	return k
}

// renewFiles: the service may be in another directory now.
func (l *Loop) renewFiles(service int, spec *config.Service) {
	if k := l.kept[service]; k != nil && (spec.Runit == nil || spec.Runit.Path != k.path) {
		l.closeFiles(service)
	}
}

// closeFiles gives up the files of a service.
func (l *Loop) closeFiles(service int) {
	k := l.kept[service]
	if k == nil {
		return
	}
	delete(l.kept, service)
	delete(l.numbered, k.number)
	l.Runit.Close(k.path)
}

// lettersCame says that somebody has written to a control.
type lettersCame struct{ number int }

func (c lettersCame) handle(l *Loop) {
	k := l.numbered[c.number]
	if k == nil || l.set != l.services {
		return // gone meanwhile
	}
	for _, letter := range l.Runit.Letters.Read(k.Files, k.number) {
		if l.kept[k.service] != k {
			return // it has left, by the letter before
		}
		l.set.Letter(k.service, letter, time.Now())
		l.carryOut()
	}
}
