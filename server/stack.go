package server

// stackRoom is more than the stack that a call begins with and not more than the next size, in bytes. Most calls need that.
const stackRoom = 5 << 10

// growStack makes the stack of this goroutine large enough for a call. HTTP/2 gives each call a goroutine, which begins with 2 KiB
// and would grow in the depth of the call, step by step, where every frame costs time to move: a tenth of the CPU time of an
// evaluation, of which this leaves a third.
//
//go:noinline
func growStack(fill byte) byte {
	if fill == 0 {
		return 0
	}
	var frame [stackRoom]byte // of no other use; the stack grows before the condition is looked at
	for i := range frame {
		frame[i] = fill
	}
	return frame[fill]
}
