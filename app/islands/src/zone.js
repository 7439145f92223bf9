// Says the browser's time zone in a cookie, so that the server tells times in it. The name of the cookie, what stands behind
// it and the zone that the page was made in come with the element; with `data-again` the page is worth making again.
(() => {
  const { cookie, attributes, shown, again } = document.currentScript.dataset;
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const said = `${cookie}=${zone}`;
  const isSaid = () => document.cookie.split("; ").includes(said);
  if (!zone || isSaid()) return;
  document.cookie = `${said}; ${attributes}`;
  if (again !== undefined && zone !== shown && isSaid()) location.reload();
})();
