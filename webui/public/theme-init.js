// Sets the theme before the first paint, so that a dark page never flashes white.
(function () {
  var theme = null
  try { theme = localStorage.getItem('burgee.theme') } catch (e) { /* storage may be forbidden */ }
  if (theme !== 'light' && theme !== 'dark') theme = matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light'
  document.documentElement.dataset.theme = theme
})()
