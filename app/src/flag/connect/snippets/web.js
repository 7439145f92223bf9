import { OpenFeature } from '@openfeature/web-sdk';
import { OFREPWebProvider } from '@openfeature/ofrep-web-provider';

const baseUrl = '{{address}}';
const headers = { Authorization: 'Bearer {{token}}' }; // a client token: visitors may read it
const user = 'user-1'; // who it is, as your application knows them

const provider = new OFREPWebProvider({ baseUrl, headers: Object.entries(headers) });
await OpenFeature.setProviderAndWait(provider, { targetingKey: user });
const shown = OpenFeature.getClient().get{{call}}Details('{{flag}}', {{default}});
console.log('{{flag}}', shown.value);

// What was shown, and how it went. The receipt proves that Fader decided it.
const { revision, rule, arm, receipt } = shown.flagMetadata;
const feature = { flag: '{{flag}}', variant: shown.variant, revision, rule, arm, receipt };
await fetch(`${baseUrl}/api/v1/events`, {
    method: 'POST',
    headers: { ...headers, 'Content-Type': 'application/json' },
    body: JSON.stringify({
        events: [
            { type: 'exposure', subject: user, ...feature },
            { type: 'outcome', subject: user, metric: 'error_rate', ok: true, features: [feature] },
        ],
    }),
});
