package server

// Cached returns how many answers the cache holds, and of how many bytes.
func (s *Server) Cached() (answers, bytes int) {
	s.cache.mu.Lock()
	defer s.cache.mu.Unlock()
	return len(s.cache.answers), s.cache.bytes
}
