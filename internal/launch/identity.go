package launch

import (
	"errors"
	"fmt"
	"math"
	"os"
	"os/user"
	"strconv"
	"syscall"

	"supervise/internal/config"
)

// identity is the user that a service runs as.
type identity struct {
	uid, gid int
	groups   []int
	name     string // of the user, "" when only a group was asked for
	home     string
}

// identify looks up the service's user and groups. It gives nil when the
// service runs as we do.
func identify(s *config.Service) (*identity, error) {
	if s.User == "" && s.Group == "" && s.Groups == nil {
		return nil, nil
	}
	who := &identity{uid: os.Geteuid(), gid: os.Getegid()}
	if s.User != "" {
		if err := who.setUser(s.User); err != nil {
			return nil, err
		}
	}
	if s.Group != "" {
		gid, err := groupID(s.Group)
		if err != nil {
			return nil, err
		}
		who.gid = gid
	}
	if s.Groups != nil {
		who.groups = nil
		for _, g := range s.Groups {
			gid, err := groupID(g)
			if err != nil {
				return nil, err
			}
			who.groups = append(who.groups, gid)
		}
	}
	if os.Geteuid() != 0 && who.uid == os.Geteuid() && who.gid == os.Getegid() && s.Groups == nil {
		return nil, nil // asked for what we are; setgroups would be refused
	}
	return who, nil
}

func (who *identity) setUser(name string) error {
	u, err := user.Lookup(name)
	if _, unknown := errors.AsType[user.UnknownUserError](err); err != nil && !unknown {
		return fmt.Errorf("user %q: %w", name, err)
	}
	if err != nil {
		uid, isID := id(name)
		if !isID {
			return fmt.Errorf("user %q: there is no such user in /etc/passwd", name)
		}
		if u, err = user.LookupId(name); err != nil {
			who.uid, who.gid = uid, uid // a number needs no entry; its group is the like
			return nil
		}
	}
	who.name, who.home = u.Username, u.HomeDir
	if who.uid, err = strconv.Atoi(u.Uid); err != nil {
		return fmt.Errorf("user %q: %w", name, err)
	}
	if who.gid, err = strconv.Atoi(u.Gid); err != nil {
		return fmt.Errorf("user %q: %w", name, err)
	}
	ids, err := u.GroupIds()
	if err != nil {
		return fmt.Errorf("groups of user %q: %w", name, err)
	}
	for _, id := range ids {
		if gid, err := strconv.Atoi(id); err == nil {
			who.groups = append(who.groups, gid)
		}
	}
	return nil
}

func groupID(name string) (int, error) {
	if gid, isID := id(name); isID {
		return gid, nil
	}
	g, err := user.LookupGroup(name)
	if err != nil {
		if _, unknown := errors.AsType[user.UnknownGroupError](err); unknown {
			return 0, fmt.Errorf("group %q: there is no such group in /etc/group", name)
		}
		return 0, fmt.Errorf("group %q: %w", name, err)
	}
	return strconv.Atoi(g.Gid)
}

// id reads a user or group number. The greatest stands for "no change" in
// setuid(2), and what is beyond would be cut to 32 bits: 4294967296 to root.
func id(text string) (int, bool) {
	n, err := strconv.ParseUint(text, 10, 32)
	return int(n), err == nil && n != math.MaxUint32
}

// credential is the identity for a fork. Groups is never nil with it: Go
// would drop all supplementary groups, and that should be seen here.
func (who *identity) credential() *syscall.Credential {
	c := &syscall.Credential{Uid: uint32(who.uid), Gid: uint32(who.gid), Groups: []uint32{}}
	for _, g := range who.groups {
		c.Groups = append(c.Groups, uint32(g))
	}
	return c
}

// environment gives the variables that follow from the user, as login and
// systemd set them.
func (who *identity) environment() []string {
	if who == nil || who.name == "" {
		return nil
	}
	return []string{"HOME=" + who.home, "USER=" + who.name, "LOGNAME=" + who.name}
}
