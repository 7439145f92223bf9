// What `scripts/bundle-openfeature.sh` bundles into ../assets/openfeature.js: the OpenFeature web SDK and its
// OFREP provider as published, nothing of ours.
export { OpenFeature, ProviderEvents } from '@openfeature/web-sdk';
export { OFREPWebProvider } from '@openfeature/ofrep-web-provider';
