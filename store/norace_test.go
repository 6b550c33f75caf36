//go:build !race

package store_test

// crashShare is what part of the images, faults, tamperings and states of the past a run takes when nothing else is asked for.
const crashShare = 1
