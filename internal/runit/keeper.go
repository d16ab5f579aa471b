package runit

import (
	"path/filepath"
	"sync"
)

// Keeper has the files of all services, the pipes between them, and the letters
// that come. Any goroutine may use it; what is done with a service's [Files] is its
// owner's business.
type Keeper struct {
	Pipes   Pipes
	Letters *Letters

	mutex sync.Mutex
	open  map[string]opened // by the directory of the service
}

// opened is the files of one directory, and the name of the service they are for.
type opened struct {
	*Files
	service string
}

// NewKeeper keeps nothing yet.
func NewKeeper() (*Keeper, error) {
	letters, err := NewLetters()
	if err != nil {
		return nil, err
	}
	return &Keeper{Letters: letters, open: map[string]opened{}}, nil
}

// Open takes over the service directory at path for a service, unless that has been
// done. fresh says that it was not. The error may be a [*Locked]; it is one too when
// we have the directory for a service of another name, which may be on its way out.
func (k *Keeper) Open(path, service string) (fresh bool, err error) {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	if o, there := k.open[path]; there {
		if o.service != service {
			return false, &Locked{File: filepath.Join(path, "supervise", "lock"), Holder: "this supervise, as " + o.service + ","}
		}
		return false, nil
	}
	f, err := Open(path)
	if err != nil {
		return false, err
	}
	k.open[path] = opened{f, service}
	return true, nil
}

// Files gives what Open has opened for a service; nil: nothing.
func (k *Keeper) Files(path, service string) *Files {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	if o := k.open[path]; o.service == service {
		return o.Files
	}
	return nil
}

// Close gives up what Open has opened.
func (k *Keeper) Close(path string) {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	if o, there := k.open[path]; there {
		o.Close()
		delete(k.open, path)
	}
}
