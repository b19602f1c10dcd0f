// Light or dark: what the person chose here, or else what their system says. Not a module, so that
// it runs before the first paint. Every change is a 'theme' event of the document.
(() => {
  const wish = matchMedia('(prefers-color-scheme: dark)');

  function look() {
    const chosen = localStorage.getItem('tutti.theme');
    document.documentElement.dataset.theme = chosen ?? (wish.matches ? 'dark' : 'light');
    document.dispatchEvent(new Event('theme'));
  }

  look();
  wish.addEventListener('change', look);
  document.addEventListener('click', (e) => {
    if (!e.target.closest('#theme')) return;
    localStorage.setItem('tutti.theme', document.documentElement.dataset.theme === 'dark' ? 'light' : 'dark');
    look();
  });
})();
