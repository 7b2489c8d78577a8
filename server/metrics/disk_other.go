//go:build !linux && !darwin

package metrics

import "errors"

// disk is not known on this system.
func disk(string) (free, size float64, err error) { return 0, 0, errors.ErrUnsupported }
