package store_test

import (
	"bytes"
	"fmt"
	"path/filepath"
	"sync"
	"unsafe"

	"modernc.org/libc"
	lib "modernc.org/sqlite/lib"

	"github.com/burgeehq/burgee/store"
)

// action is what SQLite asks the file system for.
type action int

const (
	actOpen action = iota
	actRead
	actWrite
	actTruncate
	actSync
	actDelete
	actions // the number of them
)

func (a action) String() string {
	return [...]string{"open", "read", "write", "truncate", "sync", "delete"}[a]
}

// event is one entry of what a disk was asked for, in order; acknowledged positions of the clients stand between.
type event struct {
	action action
	file   string // its name without the directory
	offset int64
	data   []byte // that was written
	size   int64  // that it was truncated to

	acknowledged *store.Position
}

// disk stands between SQLite and the files of one directory. It keeps what it was asked for, and makes a call fail.
type disk struct {
	mu     sync.Mutex // guards all
	record bool
	events []event
	// platter is what the disk holds; nil when nobody asks for it.
	platter *platter
	calls   [actions]int
	fault   *fault
}

// fault makes the n-th call of an action fail, and all later ones if it stays.
type fault struct {
	action action
	n      int
	stays  bool
	half   bool  // the first half is written before a write fails
	drops  bool  // what was written and not synced is gone when a sync fails, as some file systems do
	code   int32 // of SQLite; 0 for that of the action
	met    bool
}

func (f fault) String() string {
	text := fmt.Sprintf("%v %d fails", f.action, f.n)
	if f.stays {
		text += " and all later ones"
	}
	if f.half {
		text += " half-way"
	}
	if f.drops {
		text += " and drops what was written"
	}
	if f.code != 0 {
		text += fmt.Sprintf(" with code %d", f.code)
	}
	return text
}

// enter counts a call and returns the code that it fails with, and the fault that it meets.
func (d *disk) enter(a action) (code int32, met *fault) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.calls[a]++
	f := d.fault
	if f == nil || f.action != a || d.calls[a] < f.n || d.calls[a] > f.n && !f.stays {
		return 0, nil
	}
	f.met = true
	code = f.code
	if code == 0 {
		code = [...]int32{lib.SQLITE_CANTOPEN, lib.SQLITE_IOERR_READ, lib.SQLITE_IOERR_WRITE, lib.SQLITE_IOERR_TRUNCATE, lib.SQLITE_IOERR_FSYNC, lib.SQLITE_IOERR_DELETE}[a]
	}
	return code, f
}

// arm makes calls fail, counted from now on; nil lets all succeed.
func (d *disk) arm(f *fault) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.calls, d.fault = [actions]int{}, f
}

// keep appends an event.
func (d *disk) keep(e event) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.record {
		d.events = append(d.events, e)
	}
	if d.platter != nil && e.acknowledged == nil {
		d.platter.take(e)
	}
}

// drop forgets what was written to a file since its last sync, and returns what is left.
func (d *disk) drop(file string) []byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	f := d.platter.files[file]
	f.since = nil
	return bytes.Clone(f.durable)
}

// shim is the file system of SQLite for this process, in front of the one of the system. Directories without a disk are
// passed on untouched.
type shim struct {
	inner   lib.Tsqlite3_vfs
	openFn  func(tls *libc.TLS, vfs, name, file uintptr, flags int32, out uintptr) int32
	delFn   func(tls *libc.TLS, vfs, name uintptr, sync int32) int32
	methods methods

	mu     sync.Mutex // guards all that follows
	disks  map[string]*disk
	tables map[uintptr]*table    // by the address of the table of the system
	files  map[uintptr]*openFile // by the address of SQLite's file
}

// methods are those that stand before the system's, as SQLite calls them.
type methods struct {
	close    func(tls *libc.TLS, file uintptr) int32
	read     func(tls *libc.TLS, file, buffer uintptr, amount int32, offset int64) int32
	write    func(tls *libc.TLS, file, buffer uintptr, amount int32, offset int64) int32
	truncate func(tls *libc.TLS, file uintptr, size int64) int32
	sync     func(tls *libc.TLS, file uintptr, flags int32) int32
}

// table is a table of methods of the system, and ours for the same kind of file.
type table struct {
	inner, ours *lib.Tsqlite3_io_methods
	address     uintptr // of ours
}

type openFile struct {
	disk  *disk
	name  string
	inner *lib.Tsqlite3_io_methods
}

// theShim returns the shim, which is put in place at the first call.
var theShim = sync.OnceValue(func() *shim {
	tls := libc.NewTLS()
	defer tls.Close()
	s := &shim{disks: make(map[string]*disk), tables: make(map[uintptr]*table), files: make(map[uintptr]*openFile)}
	system := lib.Xsqlite3_vfs_find(tls, 0)
	s.inner = *at[lib.Tsqlite3_vfs](system)
	s.openFn, s.delFn = s.open, s.remove
	s.methods = methods{s.close, s.read, s.write, s.truncate, s.sync}
	name, err := libc.CString("burgee-crash")
	if err != nil {
		panic(err)
	}
	address, ours := allocate[lib.Tsqlite3_vfs](tls)
	*ours = s.inner
	ours.FzName, ours.FpNext, ours.FxOpen, ours.FxDelete = name, 0, pointer(s.openFn), pointer(s.delFn)
	if code := lib.Xsqlite3_vfs_register(tls, address, 1); code != lib.SQLITE_OK {
		panic(fmt.Sprintf("register the shim: %d", code))
	}
	return s
})

// at returns what lies at an address of SQLite's.
func at[T any](address uintptr) *T { return *(**T)(unsafe.Pointer(&address)) }

// allocate returns memory that SQLite may keep.
func allocate[T any](tls *libc.TLS) (uintptr, *T) {
	const most = 4096
	address := libc.Xmalloc(tls, most)
	if address == 0 || unsafe.Sizeof(*new(T)) > most {
		panic("there is no memory")
	}
	return address, at[T](address)
}

// pointer returns the address by which SQLite calls a function, which must be kept.
func pointer(function any) uintptr {
	return (*[2]uintptr)(unsafe.Pointer(&function))[1]
}

// function returns the function with that address.
func function[F any](address uintptr) F {
	return *(*F)(unsafe.Pointer(&struct{ uintptr }{address}))
}

// insert puts a disk under a directory, without symbolic links; remove it with take.
func (s *shim) insert(dir string, d *disk) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.disks[dir] = d
}

func (s *shim) take(dir string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.disks, dir)
}

// diskOf returns the disk of a file, nil if there is none, and the name of the file on it.
func (s *shim) diskOf(name uintptr) (*disk, string) {
	if name == 0 {
		return nil, ""
	}
	path := libc.GoString(name)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.disks[filepath.Dir(path)], filepath.Base(path)
}

func (s *shim) fileOf(file uintptr) *openFile {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.files[file]
}

func (s *shim) open(tls *libc.TLS, vfs, name, file uintptr, flags int32, out uintptr) int32 {
	d, base := s.diskOf(name)
	if d != nil {
		if code, _ := d.enter(actOpen); code != 0 {
			at[lib.Tsqlite3_file](file).FpMethods = 0
			return code
		}
	}
	open := function[func(*libc.TLS, uintptr, uintptr, uintptr, int32, uintptr) int32](s.inner.FxOpen)
	code := open(tls, vfs, name, file, flags, out)
	if code != lib.SQLITE_OK || d == nil {
		return code
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	system := at[lib.Tsqlite3_file](file).FpMethods
	t := s.tables[system]
	if t == nil {
		t = &table{inner: at[lib.Tsqlite3_io_methods](system)}
		t.address, t.ours = allocate[lib.Tsqlite3_io_methods](tls)
		*t.ours = *t.inner
		t.ours.FxClose, t.ours.FxRead, t.ours.FxWrite = pointer(s.methods.close), pointer(s.methods.read), pointer(s.methods.write)
		t.ours.FxTruncate, t.ours.FxSync = pointer(s.methods.truncate), pointer(s.methods.sync)
		s.tables[system] = t
	}
	s.files[file] = &openFile{d, base, t.inner}
	at[lib.Tsqlite3_file](file).FpMethods = t.address
	d.keep(event{action: actOpen, file: base})
	return code
}

func (s *shim) remove(tls *libc.TLS, vfs, name uintptr, sync int32) int32 {
	d, base := s.diskOf(name)
	if d != nil {
		if code, _ := d.enter(actDelete); code != 0 {
			return code
		}
	}
	code := function[func(*libc.TLS, uintptr, uintptr, int32) int32](s.inner.FxDelete)(tls, vfs, name, sync)
	if d != nil && code == lib.SQLITE_OK {
		d.keep(event{action: actDelete, file: base})
	}
	return code
}

func (s *shim) close(tls *libc.TLS, file uintptr) int32 {
	f := s.fileOf(file)
	s.mu.Lock()
	delete(s.files, file)
	s.mu.Unlock()
	return function[func(*libc.TLS, uintptr) int32](f.inner.FxClose)(tls, file)
}

func (s *shim) read(tls *libc.TLS, file, buffer uintptr, amount int32, offset int64) int32 {
	f := s.fileOf(file)
	if code, _ := f.disk.enter(actRead); code != 0 {
		return code
	}
	return function[func(*libc.TLS, uintptr, uintptr, int32, int64) int32](f.inner.FxRead)(tls, file, buffer, amount, offset)
}

func (s *shim) write(tls *libc.TLS, file, buffer uintptr, amount int32, offset int64) int32 {
	f := s.fileOf(file)
	failure, met := f.disk.enter(actWrite)
	if met != nil && !met.half {
		return failure
	}
	if met != nil {
		amount /= 2
	}
	code := function[func(*libc.TLS, uintptr, uintptr, int32, int64) int32](f.inner.FxWrite)(tls, file, buffer, amount, offset)
	if code == lib.SQLITE_OK {
		f.disk.keep(event{action: actWrite, file: f.name, offset: offset, data: bytes.Clone(libc.GoBytes(buffer, int(amount)))})
		code = failure
	}
	return code
}

func (s *shim) truncate(tls *libc.TLS, file uintptr, size int64) int32 {
	f := s.fileOf(file)
	if code, _ := f.disk.enter(actTruncate); code != 0 {
		return code
	}
	code := function[func(*libc.TLS, uintptr, int64) int32](f.inner.FxTruncate)(tls, file, size)
	if code == lib.SQLITE_OK {
		f.disk.keep(event{action: actTruncate, file: f.name, size: size})
	}
	return code
}

func (s *shim) sync(tls *libc.TLS, file uintptr, flags int32) int32 {
	f := s.fileOf(file)
	if code, met := f.disk.enter(actSync); met != nil {
		if met.drops {
			f.rewrite(tls, file, f.disk.drop(f.name))
		}
		return code
	}
	code := function[func(*libc.TLS, uintptr, int32) int32](f.inner.FxSync)(tls, file, flags)
	if code == lib.SQLITE_OK {
		f.disk.keep(event{action: actSync, file: f.name})
	}
	return code
}

// rewrite makes a file hold body and nothing else, beside the record.
func (f *openFile) rewrite(tls *libc.TLS, file uintptr, body []byte) {
	code := function[func(*libc.TLS, uintptr, int64) int32](f.inner.FxTruncate)(tls, file, int64(len(body)))
	write := function[func(*libc.TLS, uintptr, uintptr, int32, int64) int32](f.inner.FxWrite)
	// Piece by piece: SQLite's own writes are not large, and the system's method counts on that.
	address, piece := allocate[[4096]byte](tls)
	defer libc.Xfree(tls, address)
	for done := 0; code == lib.SQLITE_OK && done < len(body); {
		n := copy(piece[:], body[done:])
		code = write(tls, file, address, int32(n), int64(done))
		done += n
	}
	if code != lib.SQLITE_OK {
		panic(fmt.Sprintf("rewrite %s: %d", f.name, code))
	}
}
