//go:build !unix

package cdc

import "errors"

func setLowWater(uintptr, int) error { return errors.ErrUnsupported }
