package eval

import (
	"hash/crc32"
	"unsafe"
)

// updateCRC adds a text to a CRC-32 (IEEE), so that two texts are hashed as if they were one, and neither is copied: crc32.Update
// only reads the bytes, which a string shares with nobody who writes. A loop over the table took 90 ns for the text of a UUID.
func updateCRC(crc uint32, text string) uint32 {
	return crc32.Update(crc, crc32.IEEETable, unsafe.Slice(unsafe.StringData(text), len(text)))
}
