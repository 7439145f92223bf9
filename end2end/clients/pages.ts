// One address of each page of the dashboard, with the demo's data.

const FLAG = '/flags/fast-payment';

export const PAGES = [
    '/', FLAG, `${FLAG}/plan`, `${FLAG}/health`, `${FLAG}/feedback`, `${FLAG}/exposures`, `${FLAG}/try?subject=ada.moreau`,
    `${FLAG}/connect`, `${FLAG}/connect?language=web`, '/connect',
    `${FLAG}/history`, `${FLAG}/settings`, '/flags/new', '/groups', '/groups/vip-agencies', '/groups/vip-agencies?tab=testers',
    '/groups/new', '/people', '/people/ada.moreau', '/people/ada.moreau/changed', '/testers/ada.moreau', '/import/people', '/feedback', '/feedback/new', '/audit',
    '/approvals', '/search?q=fast', '/account', '/settings/members', '/settings/tokens', '/settings/environments',
    '/settings/webhooks', '/settings/roles', '/settings/attributes', '/settings/metrics', '/settings/guardrails', '/no/such/page',
];

/** Those of single entries as well: one for each address that the router reads (`server/tests/api/hostile`). */
export const EVERY_PAGE = [...PAGES, '/settings/clients', '/audit/5', `${FLAG}/incidents/latest`, '/settings', '/feedback/1', '/password?next=/account',
    '/testers?subject=ada.moreau&flag=fast-payment'];
