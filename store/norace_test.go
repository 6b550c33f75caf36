//go:build !race

package store_test

// crashShare is what part of the images and faults a run takes when nothing else is asked for.
const crashShare = 1
