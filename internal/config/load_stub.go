package config

import "errors"

// This file stands in for the reader of configurations until it is here. It is
// deleted then, whole.

var errNoReader = errors.New("cannot read a configuration yet")

// Load reads the configuration at path.
func Load(path string) (*Config, error) { return nil, errNoReader }

// Find gives the path of the configuration in dir.
func Find(dir string) (string, error) { return "", errNoReader }
