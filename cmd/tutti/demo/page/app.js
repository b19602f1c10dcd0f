function Z(i,e){try{return i?.getItem(e)??void 0}catch{return}}function Q(i,e,t){try{i?.setItem(e,t)}catch{}}var Kt=36e5,Jt=1e4,zt=3,Vt=4,ee=class{#e;#n;#t;#s;#i=0;#r=0;#o=0;#a;constructor(e,t,n){this.#e=n,this.#n=`tutti.transport.${t}`,this.#t=e,this.#a=Z(n,this.#n),this.#s=
this.#c()}get present(){return this.#t[this.#s]}get best(){return this.#t[0]}get hasFallback(){return this.#t.some(e=>e!=="websocket")}use(e){this.#t=e,this.#s=
0,this.#i=0}welcomed(e){this.#s=Math.max(this.#t.indexOf(e),0),this.#i=0,this.#o=0,this.#t.length!==1&&(this.#a=`${e} ${Date.now()+Kt}`,Q(this.#e,this.#n,this.#a))}answered(){
this.#i=0,this.#s=this.#c()}ended(e){this.#r=e<Jt?this.#r+1:0,this.#r>=zt&&(this.#r=0,this.#s=(this.#s+1)%this.#t.length)}failed(e){return++this.#o<Vt&&this.#s===
this.#c()&&this.#a?!1:(this.#o=0,e||++this.#i>=this.#t.length?(this.#i=0,this.#s=this.#c(),!1):(this.#s=(this.#s+1)%this.#t.length,!0))}#c(){let[e,t]=this.#a?.split(
" ")??[];return Number(t)>Date.now()?Math.max(this.#t.indexOf(e),0):0}};function W(){return(performance.timeOrigin+performance.now())*1e3}function We(i){return i!==void 0&&i<=6e7?Math.round(i):void 0}var Gt=12,te=class{#e=[];pong(e,t,{
at:n,edge_us:s=0,state_us:r=0}){let o=t-e,a=Math.max(o-s-r,0);return n!==void 0&&(this.#e=[...this.#e.slice(1-Gt),{network:a,offset:n-e-a/2}]),{roundTrip:o,edge:s,
state:r,...this.#n(e,a,n)}}trace(e,t,{at:n,...s}){let r=Object.values(s).reduce((o,a)=>o+a,0);return{...this.#n(e,Math.max(t-e-r,0),n),...s}}reset(){this.#e=[]}#n(e,t,n){
let s;for(let a of this.#e)(!s||a.network<s.network)&&(s=a);let r=s&&n!==void 0?n-s.offset-e:t/2,o=Math.min(Math.max(r,0),t);return{up:o,down:t-o}}};var ne=class{#e;#n;#t=0;#s=Number.NEGATIVE_INFINITY;constructor({min:e=100,max:t=1e4}){this.#e=e,this.#n=Math.max(t,e)}next(){let e=Math.min(this.#n,this.#e*2**
Math.min(this.#t,30));return this.#t++,Math.random()*e}reset(){this.#t=0}move(){let e=performance.now();return this.#s=Math.max(this.#s,e-8*1e3)+1e3,Math.max(this.#s-
e,0)}};var C=class extends Error{get name(){return"TuttiError"}},k=class extends C{get name(){return"Rejected"}code;constructor(e,t){super(t||e),this.code=e}},x=class extends C{get name(){
return"Unknown"}},O=class extends C{get name(){return"Closed"}},K=class extends C{get name(){return"Overflow"}},v=class extends C{get name(){return"Terminated"}code;reconnect;after;constructor(e,t,n,s){
super(t||e),this.code=e,this.reconnect=n,this.after=s}},M=class extends C{get name(){return"Refused"}status;code;after;byServer;constructor(e,t,n,s,r){super(t),
this.status=e,this.byServer=n,this.code=s,this.after=r}get unserved(){return this.byServer&&this.status===503&&this.code==="unavailable"&&!!this.after}},m=class extends C{get name(){
return"Lost"}unreachable;constructor(e,t=!1,n){super(e,{cause:n}),this.unreachable=t}};async function R(i){let e=_e(i.headers),t={};try{e?t=await i.json():await i.
body?.cancel()}catch{}return new M(i.status,t.detail??t.title??`status ${i.status}`,e,t.code,Yt(i.headers.get("retry-after")))}var _e=i=>!!i.get("content-type")?.
startsWith("application/problem+json");function Yt(i){if(!i)return;let e=/^\d+$/.test(i)?Number(i)*1e3:Date.parse(i)-Date.now();return Number.isNaN(e)?void 0:Math.
min(Math.max(e,0),36e5)}var F=i=>i?{authorization:`Bearer ${i}`}:{};function*se(i){let e=[],t=0;for(let n of i)(e.length===256||t>0&&t+n.length>262144)&&(yield e.join(`
`),e=[],t=0),e.push(n),t+=n.length;e.length>0&&(yield e.join(`
`))}function ie(i){return i.split(`
`).filter(e=>e.trim()).map(e=>JSON.parse(e))}var Xt=20,Zt=5;async function re(i,e,t,n=Zt){for(let s=1;;s++){let r=await i(e,t);if(s===n||!en(r))return r;await r.body?.cancel(),await new Promise(o=>setTimeout(
o,Xt*2**s*(.5+Math.random()/2)))}}var en=({status:i,headers:e})=>i===503&&e.get("retry-after")==="0"&&_e(e);var tn=1e3,ut=35e3;function oe(i,e,t){let n=new AbortController,s=()=>n.abort(),r=a=>{n.signal.aborted||(s(),e.ended(a))},o=new Ue(i,{...e,ended:r},n.signal);return t(
n.signal).then(()=>r(new m("the stream ended")),r),{send:a=>o.send(a),drained:()=>o.drained,close:s,get busy(){return o.busy}}}var Ue=class{#e;#n;#t;#s;#i=[];#r;constructor(e,t,n){
this.#e=e,this.#n=t,this.#s=n,this.#t=new URL(e.url),this.#t.pathname+="/commands";let s=e.url.searchParams.get("conn")??"";this.#t.search=new URLSearchParams({
conn:s}).toString()}get busy(){return this.#i.length>tn}get drained(){return this.#r??Promise.resolve()}send(e){this.#i.push(e),this.#r??=this.#o()}async#o(){await null;
try{for(;this.#i.length>0&&!this.#s.aborted;){let e=this.#i;this.#i=[];for(let t of se(e))await this.#a(t)}}catch(e){this.#s.aborted||this.#n.ended(e)}this.#r=void 0}async#a(e){
let{token:t,fetch:n}=this.#e,s=this.#s,r=()=>this.#n.ended(new m("a POST got no answer",!0)),o=setTimeout(r,ut),a;try{let c=await re(n,this.#t,{method:"POST",headers:{
...F(t()),"content-type":"application/x-ndjson",accept:"application/x-ndjson"},body:e,signal:s,credentials:"omit",cache:"no-store"});if(c.ok)await qe(c,l=>{clearTimeout(
o),o=setTimeout(r,ut),s.aborted||this.#n.frames(ie(l),!0)});else{let l=await R(c);if(l.status===413)a=l;else if(!l.unserved||!this.#n.unserved(e.split(`
`),l))throw l}}catch(c){throw c instanceof TypeError?new m("a POST got no answer",!0,c):c}finally{clearTimeout(o)}a&&await this.#c(e.split(`
`),a)}async#c(e,t){let n=e.length>>1;if(n>0)return await this.#a(e.slice(0,n).join(`
`)),this.#a(e.slice(n).join(`
`));let{id:s}=JSON.parse(e[0]);s&&!this.#s.aborted&&this.#n.frames([{type:"reject",id:s,code:"too_large",message:t.message,untaken:!0}],!0)}};async function qe(i,e){
let t=i.body?.getReader();if(!t)return e(await i.text());let n=new TextDecoder,s="";for(;;){let{done:r,value:o}=await t.read(),a=s+(r?n.decode():n.decode(o,{stream:!0})),
c=r?a.length:a.lastIndexOf(`
`)+1;if(s=a.slice(c),c>0&&e(a.slice(0,c)),r)return}}var nn=25;function mt(i,e){return oe(i,e,async t=>{let n=new URL(i.url);n.searchParams.set("welcome","1");let s=0;try{for(;!t.aborted;){let r=await sn(i,n,t),o=r.
status===204?[]:await r.json();if(t.aborted)return;if(!Array.isArray(o))throw new m("an answer to a poll without frames");e.heard(),n.searchParams.delete("welco\
me"),n.searchParams.set("poll",String(++s));let a=r.headers.get("tutti-cursor");a&&n.searchParams.set("cursor",a),o.length>0&&e.frames(o,!1)}}catch(r){throw r instanceof
TypeError?new m("no answer to a poll",!0,r):r}})}async function sn({token:i,fetch:e},t,n){let s={...F(i()),accept:"application/json",prefer:`wait=${nn}`},r=await re(
e,t,{headers:s,signal:n,credentials:"omit",cache:"no-store"},2),o=r.headers.get("content-type")?.startsWith("application/json");if(r.status!==204&&!(r.ok&&o))throw await R(
r);return r}function Be(i){queueMicrotask(()=>{throw i})}function ae(i,e){try{i(e)}catch(t){Be(t)}}function Qe(i){let e=Promise.resolve();return()=>{let t=e.then(i,i);return e=
t,t}}var S=class{#e;#n=!1;#t=new Set;#s=new Set;constructor(e){this.#e=e}get value(){return this.#e}set(e){if(!Object.is(e,this.#e)){this.#e=e;for(let t of[...this.#t]){
if(!Object.is(this.#e,e))return;this.#t.has(t)&&ae(t,e)}}}end(){this.#n=!0;for(let e of this.#s)e();this.#s.clear()}subscribe(e){let t=n=>e(n);return this.#t.add(
t),ae(t,this.#e),()=>{this.#t.delete(t)}}[Symbol.asyncIterator](){let e=!1,t=!1,n=()=>{},s=this.subscribe(()=>{e=!0,n()}),r=()=>n();this.#s.add(r);let o=()=>(t=
!0,s(),this.#s.delete(r),n(),{done:!0,value:void 0});return{next:Qe(async()=>{for(;!e;){if(t||this.#n)return o();await new Promise(a=>{n=a})}return e=!1,t?o():{
done:!1,value:this.#e}}),return:async()=>o()}}};var ce=class{#e;#n;#t;#s;#i=0;#r;#o=!1;#a=Ke();constructor(e,t,n,s){this.#e=s,this.#n=t,this.#t=n,this.#s=setTimeout(()=>s.dead(),e)}heard(){this.#r=void 0,!(this.#o||
this.#i)&&(this.#o=!0,this.#c(()=>this.#e.dead(),3e4))}welcome(e){this.#i=Math.max(e,1e3),this.#l()}look(e){this.#a=e}check(){this.#i&&(this.#r=void 0,this.#l(),
this.#c(()=>this.#d(5e3),5e3))}stop(){clearTimeout(this.#s)}#c(e,t){clearTimeout(this.#s),this.#s=setTimeout(e,t)}#l(){this.#r??=J(),this.#e.ping();let e=this.#a&&
this.#n>0?Math.min(this.#n,this.#i):this.#i;this.#c(()=>this.#d(this.#t*this.#i),e)}#d(e){let t=e-(this.#r?.()??0);this.#r?t<=0?this.#e.dead():this.#c(()=>this.#d(
e),t):this.#l()}};function J(){let i=Date.now(),e=performance.now();return()=>Math.max(Date.now()-i,performance.now()-e)}function Ke(){return globalThis.document?.
visibilityState!=="hidden"}function ft(i,e){return oe(i,e,t=>rn(i,e,t))}async function rn({url:i,token:e,fetch:t},n,s){let r;try{let o={...F(e()),accept:"text/event-stream"};if(r=await t(
i,{headers:o,signal:s,credentials:"omit",cache:"no-store"}),!r.headers.get("content-type")?.startsWith("text/event-stream"))throw await R(r);let a=new Je;await qe(
r,c=>{if(s.aborted)return;n.heard();let l=a.read(c);a.retry!==void 0&&n.pace(a.retry),l.length>0&&n.frames(l,!1)})}catch(o){throw o instanceof TypeError?new m("\
the stream broke",!r,o):o}}var Je=class{retry;#e="";read(e){let t=[];for(let n of e.replace(/\n$/,"").split(/\r?\n/)){let[,s,r=""]=/^(data|retry)(?:: ?(.*?))?\r?$/.
exec(n)??[];s==="data"&&(this.#e+=`${r}
`),s==="retry"&&/^\d+$/.test(r)&&(this.retry=Number(r)),(n===""||n==="\r")&&(this.#e&&t.push(JSON.parse(this.#e)),this.#e="")}return t}};var le="tutti.v1",on=1<<20,an=[1002,1003,1007,4400,4403,4404,4409,4413];function pt(i,e){let t,n=!1,s=!1,r=[],o=h=>{n||(a(),e.ended(h))},a=()=>{n=!0;try{t?.close(
1e3)}catch{}},c=()=>{if(n||!s)return;let h=r;r=[];for(let f of se(h))t?.send(f)},l=h=>{if(n||!i.WebSocket)return;let f=new URL(i.url);f.protocol=f.protocol.replace(
"http","ws");let u;try{u=new i.WebSocket(f.href,h?[le,h]:[le])}catch(w){return o(new m("a WebSocket is not allowed here",!1,w))}t=u,u.onopen=()=>{if(s=!0,n)return a();
if(u.protocol!==le)return o(new M(426,`the server does not speak ${le}`,!1));e.heard(),c()},u.onmessage=({data:w})=>{if(!n){e.heard();try{e.frames(ie(String(w)),
!1)}catch(E){o(new m("a frame is no JSON",!1,E))}}},u.onerror=()=>{},u.onclose=({code:w,reason:E})=>{let Y=E||`the WebSocket closed with ${w}`;o(an.includes(w)?
new v(`closed with ${w}`,Y,!1):new m(Y))}};return i.tickets&&i.token()?cn(i).then(h=>l(`ticket.${h}`),o):l(i.token()&&`bearer.${i.token()}`),{send(h){r.push(h)===
1&&queueMicrotask(c)},get busy(){return(t?.bufferedAmount??0)>on},drained:async()=>{},close:a}}async function cn({url:i,token:e,fetch:t}){let n;try{let s=new URL(
`${i.pathname.slice(0,i.pathname.lastIndexOf("/v1/"))}/v1/tickets`,i);n=await t(s,{method:"POST",headers:F(e()),credentials:"omit",cache:"no-store"})}catch(s){throw new m(
"no answer to the request for a ticket",!0,s)}if(!n.ok)throw await R(n);return(await n.json()).ticket}var ln={websocket:pt,sse:ft,longpoll:mt},dn=5e3,hn=3e4,un=6e5,mn=2e3,fn=[405,406,426,501,505],pn=[408,409,425,429],gt=3e4,gn=20,yn=8,bn=3,de=class{status;#e;#n;#t;#s;#i;#r;#o;#a=!1;#c;#l;#d=0;#h;#u=!1;#m;#f;#p=0;#w=0;#y=!1;#g=!1;constructor(e,t,n,s){
this.#e=e,this.#n=t,this.#t=n,this.#s=s,this.#i=new ne(t.backoff),this.status=new S({phase:"connecting",transport:n.present,recovering:!1,error:void 0,retryAt:void 0})}get link(){
return this.#r?.lived&&this.#r.link}connect(){if(clearTimeout(this.#c),this.#g||this.#r)return;let e=this.#t.present;this.#k({phase:"connecting",transport:e,retryAt:void 0}),
this.#r=this.#O(e)}wake(){if(this.#r)return this.#r.pulse.check();this.status.value.phase!=="waiting"||this.#u||(this.#i.reset(),this.connect())}look(e){this.#r?.
pulse.look(e),e&&this.wake()}use(e){if(this.#t.use(e),this.#E(),!this.#r)return this.wake();this.#r.transport!==e[0]&&(this.#r.lived?this.#A(!0):this.#v(this.#r,
new m("another transport is wanted"),0))}restart(e){this.#r&&this.#v(this.#r,e,this.#i.next())}async leave(){let e=this.link;e&&(this.#y=!0,this.#E(),e.send('{"\
type":"leave"}'),await new Promise(t=>{let n=setTimeout(t,mn);e.drained().then(()=>{clearTimeout(n),t()})})),this.close()}close(e){if(!this.#g){this.#g=!0,clearTimeout(
this.#c),clearTimeout(this.#l),this.#s.stop();for(let t of[this.#r,this.#o])t&&this.#T(t);this.#r=this.#o=void 0,this.#k({phase:"closed",error:e,retryAt:void 0,
recovering:!1}),this.status.end(),this.#e.closed(e)}}#k(e){this.status.set({...this.status.value,...e})}#O(e){let{patience:t,pingEvery:n,target:s}=this.#n,r=this.#e.
cursor,o=e==="websocket",a={transport:e,cursor:r,link:void 0,lived:void 0,pulse:new ce(t,o?n:3*n,o?1:1.5,{ping:()=>a.link?.send(this.#e.ping()),dead:()=>this.#L(
a)})},c=s(r);return this.#h=void 0,this.#s.get().then(()=>{this.#x(a)&&(a.link=ln[e]({...this.#n,url:c,token:()=>this.#s.present},{heard:()=>a.pulse.heard(),frames:(l,h)=>this.#b(
a,l,h),unserved:(l,h)=>this.#R(a,l,h),ended:l=>this.#v(a,l),pace:l=>{this.#h=l}}))},l=>this.#v(a,new m("no token",!0,l))),a}#x(e){return e===this.#r||e===this.#o}#b(e,t,n){
try{for(let s of t){if(!this.#x(e))break;this.#S(e,s,n)}}catch(s){this.#v(e,s)}this.#e.publish()}#R(e,t,n){let s=this.#x(e)&&this.#e.unserved(t,n);return this.#e.
publish(),s}#S(e,t,n){if(t.type==="terminate"){let{code:s,message:r,reconnect:o,after:a}=t;n||this.#v(e,new v(s,r,o,a))}else t.type==="welcome"?this.#M(e,t):t.type===
"status"?e===this.#r&&this.#k({recovering:t.state!=="serving"}):e.lived&&this.#e.take(t,n)}#M(e,t){let n=e.lived!==void 0;if(e===this.#o){let s=this.#r;this.#r=
e,this.#o=void 0,s&&this.#T(s)}n||(e.lived=J(),this.#p=0,this.#w=0,this.#t.welcomed(e.transport),this.#s.keep(s=>this.link?.send(JSON.stringify({type:"auth",token:s}))),
this.#P()),this.#e.welcome(t,!t.known&&e.cursor!==void 0,n),n||e.pulse.welcome(t.heartbeat),this.#k({phase:"online",transport:e.transport,error:void 0,recovering:!1})}#E(){
let e=this.#o;this.#o=void 0,e&&this.#T(e)}#T(e){e.link&&!e.lived&&(this.#m=J()),e.pulse.stop(),e.link?.close()}#L(e){let t=e.link!==void 0;t||this.#s.forget(),
this.#v(e,new m(t?"nothing was heard from the server":"no token has come",!t))}#A(e){this.#a=e,this.#o=this.#O(this.#t.best)}#P(){if(clearTimeout(this.#l),this.#r?.
transport===this.#t.best){this.#d=0;return}let e=Math.min(hn*2**this.#d,un)*(.75+Math.random()/2);this.#l=setTimeout(()=>{this.#d++,this.link&&!this.#o&&this.#A(
!1)},e)}#v(e,t,n){if(!this.#x(e))return;if(this.#y)return this.close();if(this.#T(e),e===this.#o){if(this.#o=void 0,!this.#a)return this.#P();e=this.#r,this.#T(
e)}if(this.#s.stop(),clearTimeout(this.#l),this.#r=this.#o,this.#o=void 0,this.#r)return this.#k({phase:"connecting",transport:this.#r.transport,error:t,recovering:!1});
this.#u=!1;let s=e.lived?.()??0;s>dn&&this.#i.reset();let r=n??this.#C(e,t,s);if(r===void 0)return this.close(t);this.#k({phase:"waiting",error:t,retryAt:Date.now()+
r,recovering:!1}),this.#c=setTimeout(()=>this.connect(),r)}#C(e,t,n){if(t instanceof v){if(t.code==="replaced"&&this.#m&&this.#m()<gt)return this.#m=void 0,this.#i.
next();if(!t.reconnect)return;if(t.code==="token_expired"){if(!this.#s.renewable)return;this.#s.expired()}return this.#u=t.after!==void 0,t.code==="draining"&&t.
after!==void 0?Math.max(t.after,this.#i.move()):t.after??this.#i.next()}if(t instanceof M&&!fn.includes(t.status)&&(t.byServer||t.status===401)){if(this.#t.answered(),
t.status===401){if(!this.#s.renewable||++this.#p>bn)return;this.#s.expired()}else{if(t.status<500&&!pn.includes(t.status))return;if(t.status===409&&!t.code&&e.lived){
if(this.#f&&this.#f()<gt){this.close(new v("replaced",t.message,!1));return}this.#f=J()}}return t.status===503&&t.after===0&&(e.lived||this.#w++<yn)?gn*(.5+Math.
random())+(e.lived?this.#i.move():0):(this.#u=t.after!==void 0,(t.after??0)+this.#i.next())}return e.lived?(this.#t.ended(n),this.#h??this.#i.next()):(e.transport===
"websocket"&&!this.#t.hasFallback&&this.#s.expired(),e.transport!==this.#t.present?this.#i.next():this.#t.failed(t instanceof m&&t.unreachable)?0:this.#i.next())}},
ze=i=>new O(i?`closed: ${i.message}`:"closed",{cause:i});var vn=256,he=class{conn;#e;#n;#t;#s;constructor(e,t,n){this.#e=n,this.#n=`tutti.conn.${e}`;let[s,r]=Z(n,this.#n)?.split(" ")??[],o=s&&(!t||t===s)?Number(r):0;this.
conn=t??(o>0&&s?s:wn()),this.#t=o>0?o:t?Date.now()*1e3:1,this.#s=this.#t,this.#i()}take(){let e=this.#t++;return e>=this.#s&&(this.#s=e+vn,this.#i()),e}forget(){
Q(this.#e,this.#n,"")}#i(){Q(this.#e,this.#n,`${this.conn} ${this.#s}`)}processed(e){this.#t=Math.max(this.#t,e+1)}};function wn(){return Array.from(crypto.getRandomValues(
new Uint8Array(16)),i=>i.toString(16).padStart(2,"0")).join("")}var kn=256,xn=1<<20,Tn=64,me=(i,e)=>i.length*3>e&&(i.length>e||new TextEncoder().encode(i).length>e),ue=class{#e;#n;#t;#s=[];#i=new Map;#r=0;constructor(e,{commands:t=1e3,
bytes:n=1<<20},s){this.#e=e,this.#n={commands:t,bytes:n},this.#t=s}get size(){return this.#s.length+this.#i.size}check(e){if(me(e,xn-Tn))throw new k("too_large",
"the data is too large for a frame");if(this.size>=this.#n.commands||this.#r+e.length>this.#n.bytes)throw new k("overloaded","too much waits for the server")}add(e){
this.#s.push(e),this.#r+=e.rest.length}pump(e){for(;this.#i.size<kn;){let t=this.#s.shift();if(!t)return;t.id=this.#e.take(),this.#i.set(t.id,t),this.#o(t,e)}}again(e,t){
let n=[],s=[];for(let r of[...this.#i.values()])(r.isQuery||e)&&this.#a(r),r.isQuery?r.abandoned||n.push(r):e?(s.push(r),r.reject(new x("the platform has forgot\
ten the connection"))):(r.again=!0,this.#o(r,t));for(let r of n)this.#r+=r.rest.length;return this.#s.unshift(...n),this.pump(t),s}unanswered(e){return[...this.#i.
values()].filter(t=>!t.isQuery&&t.id<=e)}find(e){return this.#i.get(e)}uncertain(e){let t=this.#i.get(e);return!!t&&t.again&&!t.isQuery}settle(e){let t=this.#i.
get(e.id);if(!t)return;let n=e.type==="reject"&&e.untaken&&this.uncertain(e.id);return this.#a(t),e.type==="reject"?t.reject(n?new x(e.message):new k(e.code,e.message)):
t.resolve(e),t}abandon(e,t){let n=this.#s.indexOf(e),s=t instanceof Error?t:new Error(String(t));return n>=0?(this.#s.splice(n,1),this.#r-=e.rest.length):this.#i.
get(e.id)===e&&(e.abandoned=!0),e.reject(n>=0||e.isQuery?s:new x(s.message,{cause:s})),n>=0}close(e){let t=e?`closed: ${e.message}`:"closed";for(let n of this.#i.
values())n.reject(n.isQuery?new O(t,{cause:e}):new x(`${t} before it was answered`,{cause:e}));for(let n of this.#s)n.reject(new O(t,{cause:e}));this.#i.clear(),
this.#s.length=0}#o(e,t){e.sentAt=this.#t(),t(`{"type":"${e.isQuery?"query":"command"}","id":${e.id}${e.rest}`)}#a(e){this.#i.delete(e.id),this.#r-=e.rest.length}};var yt=1e3,_=class{#e=new Set;#n=new Set;#t=!1;push(e){for(let t of[...this.#e])this.#e.has(t)&&ae(t,e)}end(){this.#t=!0,this.#e.clear();for(let e of this.#n)e();
this.#n.clear()}subscribe(e){let t=n=>e(n);return this.#t||this.#e.add(t),()=>{this.#e.delete(t)}}[Symbol.asyncIterator](){let e=[],t=!1,n=!1,s=()=>{},r=this.subscribe(
c=>{e.length===yt?(t=!0,e=[],r()):e.push(c),s()}),o=()=>s();this.#n.add(o);let a=()=>(n=!0,e=[],r(),this.#n.delete(o),s(),{done:!0,value:void 0});return{next:Qe(
async()=>{for(;;){if(t&&!n)throw a(),new K(`more than ${yt} waited for their reader`);if(e.length>0)return{done:!1,value:e.shift()};if(n||this.#t)return a();await new Promise(
c=>{s=c})}}),return:async()=>a()}}};var fe=class{confirmed;state;#e;#n=new Map;#t;#s;#i;#r=!1;constructor(e){this.#e=Sn(e),this.#i=e!==void 0&&"initial"in e,this.#t=e?.initial,this.#s=this.#t,this.
confirmed=new S(this.#t),this.state=new S(this.#t)}fresh(e){this.#i=!0,this.#t=e,this.#r=!0}event(e){this.#i&&(this.#t=this.#e(this.#t,e),this.#r=!0)}predict(e,t){
this.#o(),this.#i&&(this.#s=t(this.#s)),this.#n.set(e,t)}drop(e){this.#n.delete(e)&&(this.#r=!0)}publish(){this.#o(),this.confirmed.set(this.#t),this.state.set(
this.#s)}end(){this.confirmed.end(),this.state.end()}#o(){if(!this.#r)return;this.#r=!1;let e=this.#t;if(this.#i)for(let[t,n]of this.#n)try{e=n(e)}catch(s){this.#n.
delete(t),Be(s)}this.#s=e}};function Sn(i){if(!i)return t=>t;if("reduce"in i)return i.reduce;let e=i.events;return(t,n)=>{let s=Object.hasOwn(e,n.name)?e[n.name]:
void 0;return s?s(t,n.data,n):t}}var pe=class{members=new S({count:0,list:new Map});#e=new Map;#n=0;#t=!1;#s=!1;welcome(){this.#t=!1}take(e){this.#s?this.#t||this.#e.clear():this.#e=this.#t?new Map(
this.#e):new Map,this.#t=!0,this.#s=!0,this.#n=e.count;for(let t of e.left??[])this.#e.delete(t);for(let t of e.joined??[])this.#e.set(t.member,t);for(let t of e.
updated??[]){let n=this.#e.get(t.member);this.#e.set(t.member,{...n&&"who"in n?{who:n.who}:{},...t})}}publish(){this.#s&&(this.#s=!1,this.members.set({count:this.#n,
list:this.#e}))}};var En=1e3,ge=class{fold;roster=new pe;events=new _;messages=new _;updates=new _;latency=new S(void 0);clock=new te;member="";epoch;last=0;#e;#n;#t=new Map;#s=[];#i;#r=0;#o;constructor(e,t,n,s){
this.fold=new fe(e),this.#e=t,this.#n=n;let[,r,o]=/^([\w-]{1,32}):(\d{1,16})$/.exec(s??"")??[];if(s!==void 0&&!r)throw new TypeError(`not a cursor: ${s}`);this.
epoch=r,this.last=Number(o??0)}get cursor(){return this.epoch===void 0?void 0:`${this.epoch}:${this.last}`}refresh(){this.epoch!==void 0&&(this.epoch="-",this.last=
0)}attached(){this.clock.reset(),this.#o=void 0}welcome(e){if(e.resumed&&(e.epoch!==this.epoch||e.rev>this.last))throw new m("the link began elsewhere");if(this.
member=e.member,this.epoch=e.epoch,this.roster.welcome(),e.resumed||(this.last=e.rev,!this.#n))return;for(let n of this.#e.unanswered(e.acked))this.fold.drop(n);
let t=e.state;this.fold.fresh(t),this.#d(),this.#s.push(()=>this.updates.push({type:"state",rev:e.rev,state:t}))}take(e,t){switch(e.type){case"event":this.#a(e);
break;case"ack":t&&this.#n&&e.rev>this.last?this.#h(e):this.#l(e);break;case"reject":case"answer":this.#l(e);break;case"message":this.#c(e);break;case"presence":
this.roster.take(e);break;case"pong":this.#u(e)}}unserved(e,{code:t="",message:n}){let s=!0;for(let r of e){let{type:o,id:a}=JSON.parse(r);o==="command"||o==="q\
uery"?this.#e.uncertain(a)?s=!1:this.#l({type:"reject",id:a,code:t,message:n}):o!=="signal"&&o!=="ping"&&(s=!1)}return s}publish(){this.fold.publish(),this.roster.
publish();for(let e of this.#s.splice(0))e()}ping(){let{up:e,down:t}=this.#i??{};return this.#i=void 0,this.#o={n:++this.#r,at:W()},JSON.stringify({type:"ping",
t:this.#r,up:We(e),down:We(t)})}end(){for(let{timer:e}of this.#t.values())clearTimeout(e);this.fold.end(),this.roster.members.end(),this.latency.end();for(let e of[
this.events,this.messages,this.updates])e.end()}trace(e,{trace:t}){return t&&this.clock.trace(e.sentAt,W(),t)}#a(e){let{type:t,prev:n=e.rev-1,...s}=e;if(e.rev<=
this.last)return;if(n>this.last)throw new m(`events between ${this.last} and ${e.rev} are missing`);let r=e.by===this.member&&e.cmd!==void 0,o={...s,mine:r},a=r?
this.#e.find(e.cmd):void 0;a&&this.fold.drop(a),this.last=e.rev;try{this.fold.event(o),this.#d()}catch(c){throw this.refresh(),c}finally{this.#s.push(()=>{this.
events.push(o),this.updates.push({type:"event",event:o})})}}#c({type:e,...t}){this.#s.push(()=>this.messages.push(t))}#l(e){clearTimeout(this.#t.get(e.id)?.timer),
this.#t.delete(e.id);let t=this.#e.settle(e);t&&this.fold.drop(t)}#d(){for(let{frame:e}of[...this.#t.values()])e.rev<=this.last&&this.#l(e)}#h(e){if(this.#t.has(
e.id))return;let t=()=>{this.#l(e),this.publish()};this.#t.set(e.id,{frame:e,timer:setTimeout(t,En)})}#u(e){let t=this.#o;!t||e.t!==t.n||(this.#i=this.clock.pong(
t.at,W(),e),this.latency.set(this.#i),this.#o=void 0)}};var ye=class{#e;#n;#t="first";#s;#i;constructor(e){this.#e=e}get present(){return this.#n??""}get renewable(){return typeof this.#e=="function"}async get(){return this.#n&&
this.#a(this.#n)<=0&&this.expired(),this.#n??this.#o()}expired(){this.renewable&&this.#n&&(this.#n=void 0,this.#t="expired")}keep(e){this.stop();let t=this.#n;if(!this.
renewable||!t)return;let n=this.#a(t);n===Number.POSITIVE_INFINITY||n<=0||this.#r(Math.max(n-Math.max(n/10,5e3),1e3),e)}#r(e,t){this.#i=setTimeout(async()=>{let n=this.#i;
if(e>864e5)return this.keep(t);let s=this.#n;this.#t="expiring";try{let r=await this.#o();if(n!==this.#i)return;r!==s&&t(r),this.keep(t)}catch{n===this.#i&&this.#r(
1e3,t)}},Math.min(e,864e5))}stop(){clearTimeout(this.#i),this.#i=void 0}forget(){this.#s=void 0}#o(){if(this.#s)return this.#s;let e=Promise.resolve().then(()=>typeof this.#e==
"function"?this.#e(this.#t):this.#e).then(t=>(this.#n=t,t)).finally(()=>{this.#s===e&&(this.#s=void 0)});return this.#s=e,e}#a(e){try{let t=e.split(".")[1]?.replaceAll(
"-","+").replaceAll("_","/")??"",n=JSON.parse(atob(t)).exp;return typeof n=="number"?n*1e3-Date.now():Number.POSITIVE_INFINITY}catch{return Number.POSITIVE_INFINITY}}};var Cn=4096,Mn=65536;function Ve(i,e){return new be(i,e)}function Ge(i,e,t){return`${String(i).replace(/\/$/,"")}/v1/${e}/${encodeURIComponent(t)}`}var be=class{ready;state;confirmed;status;members;latency;events;messages;updates;conn;#e;#n;#t;#s;#i;#r;#o=0;#a=()=>{};constructor(e,t){
let n=new URL(e,globalThis.location?.href);n.protocol=n.protocol.replace(/^ws/,"http");let s=new he(n.href,t.conn,t.storage);this.conn=s.conn;let r=t.watch!==!1;
this.#n=new ue(s,t.queue??{},W);let o=new ge(t.apply,this.#n,r,t.cursor);this.#e=o,this.state=o.fold.state,this.confirmed=o.fold.confirmed,this.members=o.roster.
members,this.latency=o.latency,this.events=o.events,this.messages=o.messages,this.updates=o.updates,this.#s=t.WebSocket??globalThis.WebSocket,this.#i=this.#l(t.
transports??["websocket","sse","longpoll"]);let a;this.ready=new Promise((l,h)=>{a={resolve:l,reject:h}}),this.ready.catch(()=>{});let c={get cursor(){return o.
cursor},welcome:(l,h,f)=>{o.welcome(l);let u=E=>this.#t.link?.send(E);f||(o.attached(),s.processed(l.acked));let w=f&&this.status.value.transport!=="longpoll";if(this.#r!==
void 0&&!w&&u(this.#r),!f){for(let E of this.#n.again(h,u))o.fold.drop(E);a?.resolve()}},take:(l,h)=>{o.take(l,h),(l.type==="ack"||l.type==="reject"||l.type==="\
answer")&&this.#d()},unserved:(l,h)=>{let f=o.unserved(l,h);return this.#d(),f},publish:()=>o.publish(),ping:()=>o.ping(),closed:l=>{this.#a(),(l instanceof M&&
l.status===403||l instanceof v&&l.code==="refused")&&s.forget(),this.#n.close(l),o.end(),a?.reject(ze(l))}};this.#t=new de(c,{target:l=>{let h=new URL(n);return h.
searchParams.set("conn",this.conn),this.#o=Math.max(this.#o+1,Date.now()),h.searchParams.set("attempt",String(this.#o)),r||h.searchParams.set("watch","0"),t.presence&&
h.searchParams.set("presence","1"),l!==void 0&&h.searchParams.set("cursor",l),h},fetch:t.fetch??((...l)=>fetch(...l)),WebSocket:this.#s,tickets:t.tickets??!1,backoff:t.
backoff??{},patience:t.patience??8e3,pingEvery:t.pingEvery??5e3},new ee(this.#i,n.origin,t.storage),new ye(t.token)),this.status=this.#t.status,this.#h(),this.#t.
connect()}get member(){return this.#e.member}get rev(){return this.#e.last}get cursor(){return this.#e.cursor}get unanswered(){return this.#n.size}async send(e,...[
t,n={}]){let{expect:s,trace:r,predict:o,signal:a}=n,c={name:e,data:t??null,expect:s,trace:r||void 0},l,h=await this.#c(!1,c,a,u=>{l=u,o&&(this.#e.fold.predict(u,
o),this.#e.fold.publish())}),f=l&&this.#e.trace(l,h);return{id:h.id,rev:h.rev,reply:h.reply,...f&&{trace:f}}}async query(e,...[t,n={}]){let{consistency:s,maxAge:r,
signal:o}=n,a={name:e,data:t??null,consistency:s,max_age_ms:r},c=await this.#c(!0,a,o,()=>{});return{rev:c.rev,data:c.data}}signal(e,t){if(me(JSON.stringify(t??
null),Mn))throw new k("too_large","the data of a signal is 64 KiB at most");let n=this.#t.link;return!n||n.busy?!1:(n.send(JSON.stringify({type:"signal",name:e,
data:t})),!0)}presence(e){let t=JSON.stringify({type:"presence",data:e});if(me(JSON.stringify(e??null),Cn))throw new k("too_large","presence data is 4 KiB at mo\
st");this.#r=t,this.#t.link?.send(t)}use(...e){this.#t.use(e.length>0?this.#l(e):this.#i)}refresh(){this.#e.refresh(),this.#t.restart(new Error("a fresh state i\
s wanted"))}wake(){this.#t.wake()}async leave(){await this.#t.leave()}close(){this.#t.close()}async#c(e,t,n,s){let{phase:r,error:o}=this.status.value;if(r==="cl\
osed")throw ze(o);n?.throwIfAborted();let a=`,${JSON.stringify(t).slice(1)}`;this.#n.check(a);let c=()=>{};return new Promise((l,h)=>{let f={isQuery:e,rest:a,resolve:l,
reject:h,id:0,sentAt:0,again:!1,abandoned:!1};s(f),this.#n.add(f);let u=()=>{this.#n.abandon(f,n?.reason)&&(this.#e.fold.drop(f),this.#e.publish())};n?.addEventListener(
"abort",u),c=()=>n?.removeEventListener("abort",u),this.#d()}).finally(()=>c())}#l(e){let t=e.filter(n=>n!=="websocket"||this.#s);if(t.length>0)return t;throw new TypeError(
"there is no WebSocket here, and no other transport is allowed")}#d(){let e=this.#t.link;e&&this.#n.pump(t=>e.send(t))}#h(){let e=()=>this.wake(),t=()=>this.#t.
look(Ke()),{document:n}=globalThis;globalThis.addEventListener?.("online",e),globalThis.addEventListener?.("offline",e),n?.addEventListener("visibilitychange",t),
this.#a=()=>{globalThis.removeEventListener?.("online",e),globalThis.removeEventListener?.("offline",e),n?.removeEventListener("visibilitychange",t)}}};var bt=["live","recovering","connecting","away","ended"];function U({phase:i,recovering:e,error:t}){switch(i){case"online":return e?"recovering":"live";case"con\
necting":return t?"away":"connecting";case"waiting":return"away";case"closed":return"ended"}}function d(i){let e=document.querySelector(i);if(!e)throw new Error(
`the page has no ${i}`);return e}var b=sessionStorage;function vt(i){return Array.from(crypto.getRandomValues(new Uint8Array(i)),e=>e.toString(16).padStart(2,"0")).join("")}function Ye(i,e){let t=b.
getItem(i);if(t)return t;let n=e();return b.setItem(i,n),n}var wt="amber brave calm clever cosmic dapper eager fabled gentle golden honest jolly keen lively luc\
id merry nimble noble quiet rapid silver sunny swift velvet vivid witty".split(" "),kt="badger beaver bison crane dingo falcon finch fox gecko heron ibex jackal\
 koala lemur lynx marten narwhal ocelot otter panda puffin raven seal stoat tapir wombat".split(" ");function Ln(){let[i=0,e=0]=crypto.getRandomValues(new Uint16Array(
2));return`${wt[i%wt.length]}-${kt[e%kt.length]}`}async function An(){if(!navigator.locks)return;let i=e=>new Promise(t=>{navigator.locks.request(`tutti.${e}`,{
ifAvailable:!0},n=>(t(n!==null),n?new Promise(()=>{}):void 0))});if(!await i(Ye("tutti.tab",()=>vt(16)))){for(let e of Object.keys(b).filter(t=>t.startsWith("tu\
tti.")))b.removeItem(e);await i(Ye("tutti.tab",()=>vt(16)))}}async function Tt(i){await An();let e={name:Ye("tutti.name",Ln),sub:()=>b.getItem("tutti.sub")??e.name,
leaving:async()=>{},rename:o,token:r},t=null,n=b.getItem("tutti.token");async function s(){let a=await i("/demo/token",{method:"POST",headers:{"Content-Type":"a\
pplication/json"},body:JSON.stringify({name:e.name})});if(!a.ok)throw new Error(`token: ${a.status}`);let c=await a.json(),l=b.getItem("tutti.sub");return b.setItem(
"tutti.token",n=c.token),b.setItem("tutti.sub",c.sub),l!==null&&l!==c.sub&&xt(),c.token}function r(a){return n&&a==="first"?Promise.resolve(n):(t??=s().finally(
()=>t=null),t)}async function o(a){!a||a===e.name||(b.setItem("tutti.name",a),b.removeItem("tutti.sub"),b.removeItem("tutti.token"),await e.leaving(),xt())}return e}
function xt(){for(let i of Object.keys(b))i.startsWith("tutti.conn.")&&b.removeItem(i);location.reload()}function q(i){let e=2166136261;for(let t of i)e=Math.imul(
e^t.charCodeAt(0),16777619);return(e>>>0)%24*15}function N(i,e){return{member:e,name:String(i.members.value.list.get(e)?.who??"somebody")}}function ve({name:i}){let e=document.createElement("span");return e.className=
"avatar",e.style.setProperty("--hue",String(q(i))),e.textContent=Pn(i),e.setAttribute("aria-hidden","true"),e}function Pn(i){return i.split(/[^\p{L}\p{N}]+/u).filter(
Boolean).slice(0,2).map(t=>[...t][0]?.toUpperCase()).join("")||"?"}var we=class{#e=d("#people-button");#n=d("#faces");#t=d("#people-list");#s=d("#people-count");constructor(e,t){
let n=d("#name");n.value=t.name,d("#rename").addEventListener("submit",s=>{s.preventDefault(),t.rename(n.value.trim())}),e.members.subscribe(({count:s,list:r})=>{
this.#i([...r.keys()].map(o=>N(e,o)),s,e.member)})}#i(e,t,n){let s=e.sort((r,o)=>+(o.member===n)-+(r.member===n)||r.name.localeCompare(o.name));if(this.#n.replaceChildren(
...s.slice(0,4).map(ve)),this.#s.textContent=String(t),this.#e.setAttribute("aria-label",`${t} ${t===1?"person is":"people are"} here`),this.#t.replaceChildren(
...s.map(r=>{let o=document.createElement("li"),a=document.createElement("span");if(a.className="person-name",a.textContent=r.name,o.append(ve(r),a),r.member===
n){let c=document.createElement("span");c.className="you",c.textContent="you",o.append(c)}return o})),t>s.length){let r=document.createElement("li");r.className=
"more",r.textContent=`and ${t-s.length} more`,this.#t.append(r)}}};var g=256,On=40,Rn=5e3,ke=[["paper","#fffdf9","#15171c"],["ink","#1d2129","#eceef3"],["slate","#8b93a7","#8b93a7"],["red","#e5484d","#e5484d"],["orange","#f76b1\
5","#f76b15"],["amber","#ffc53d","#ffc53d"],["lime","#9ad04b","#9ad04b"],["green","#2f9e6a","#2f9e6a"],["teal","#12a594","#12a594"],["sky","#5bc4f0","#5bc4f0"],
["blue","#3b6fe0","#3b6fe0"],["indigo","#5b5bd6","#6e6ade"],["violet","#9a5cd0","#9a5cd0"],["pink","#e0559f","#e0559f"],["peach","#ffb8a0","#ffb8a0"],["brown","\
#a1704b","#a1704b"]],xe=class{#e;#n;#t=d("#canvas");#s=d("#pointers");#i=d("#cross");#r=d("#board-spot");#o=this.#t.getContext("2d",{alpha:!1});#a=new Uint8Array(
g*g);#c=new Map;#l=new ImageData(g,g);#d=new Uint32Array(this.#l.data.buffer);#h=new Uint32Array(ke.length);#u=!1;#m=10;#f=3;#p=null;#w=0;#y=new Map;#g={x:128,y:128};constructor(e,t){
this.#e=e,this.#n=t,this.#F(),this.#E(),this.recolor(),e.updates.subscribe(n=>n.type==="state"?this.#O(n.state):this.#x(n.event)),e.messages.subscribe(({name:n,
by:s,data:r})=>n==="pointer"&&s&&this.#v(s,r)),e.members.subscribe(({list:n})=>{for(let s of this.#y.keys())n.has(s)||this.#$(s)})}recolor(){let e=document.documentElement.
dataset.theme==="dark";ke.forEach(([,t,n],s)=>{let r=Number.parseInt((e?n:t).slice(1),16);this.#h[s]=4278190080|(r&255)<<16|r&65280|r>>16});for(let t=0;t<this.#a.
length;t++)this.#b(t)}colorAt(e,t){return this.#k(t*g+e)}#k(e){return this.#c.get(e)?.color??this.#a[e]}#O({pixels:e}){this.#a=Uint8Array.from(atob(e??""),t=>t.
charCodeAt(0));for(let t=0;t<this.#a.length;t++)this.#b(t)}#x({data:e}){let t=e.y*g+e.x;this.#a[t]=e.color,this.#b(t)}#b(e){this.#d[e]=this.#h[this.#k(e)],!this.#u&&
(this.#u=!0,requestAnimationFrame(()=>{this.#u=!1,this.#o.putImageData(this.#l,0,0)}))}#R(e,t){let n=this.#f/2,s=Math.floor(n);for(let r=-s;r<=s;r++)for(let o=-s;o<=
s;o++)o*o+r*r<=n*n&&this.#S(e+o,t+r)}#S(e,t){if(e<0||t<0||e>=g||t>=g||this.colorAt(e,t)===this.#m)return;let n=t*g+e,s={color:this.#m};this.#c.set(n,s),this.#b(
n);let r=()=>{this.#c.get(n)===s&&(this.#c.delete(n),this.#b(n))},o={x:e,y:t,color:this.#m};this.#n.follow(this.#e.send("paint",o,{trace:this.#n.wantsTrace()})).
then(r,r)}#M(e,t){let n=this.#p??{x:e,y:t},s=Math.max(Math.abs(e-n.x),Math.abs(t-n.y),1);for(let r=this.#p?1:0;r<=s;r++)this.#R(Math.round(n.x+(e-n.x)*r/s),Math.
round(n.y+(t-n.y)*r/s));this.#p={x:e,y:t}}#E(){let e=this.#t;e.addEventListener("pointerdown",t=>{if(t.button!==0)return;e.setPointerCapture(t.pointerId),this.#p=
null;let n=this.#T(t);this.#M(n.px,n.py)}),e.addEventListener("pointermove",t=>{if(this.#p){let n=t.getCoalescedEvents?.()??[];for(let s of n.length>0?n:[t]){let r=this.#T(
s);this.#M(r.px,r.py)}}this.#L(this.#T(t))});for(let t of["pointerup","pointercancel"])e.addEventListener(t,()=>this.#p=null);e.addEventListener("pointerleave",
()=>this.#e.signal("pointer",null)),e.addEventListener("keydown",t=>this.#A(t)),e.addEventListener("focus",()=>this.#P(!1))}#T(e){let t=this.#t.getBoundingClientRect(),
n=(e.clientX-t.left)/t.width*g,s=(e.clientY-t.top)/t.height*g;return{x:n,y:s,px:Math.floor(n),py:Math.floor(s)}}#L({x:e,y:t}){let n=performance.now();n-this.#w<
On||(this.#w=n,this.#e.signal("pointer",{x:Math.round(e*10)/10,y:Math.round(t*10)/10,color:this.#m}))}#A(e){let t=e.shiftKey?8:1,s={ArrowLeft:[-t,0],ArrowRight:[
t,0],ArrowUp:[0,-t],ArrowDown:[0,t]}[e.key];if(s)this.#g.x=Math.min(g-1,Math.max(0,this.#g.x+s[0])),this.#g.y=Math.min(g-1,Math.max(0,this.#g.y+s[1])),this.#L({
x:this.#g.x+.5,y:this.#g.y+.5});else if(e.key===" "||e.key==="Enter")this.#R(this.#g.x,this.#g.y);else return;e.preventDefault(),this.#P(!0)}#P(e){let{x:t,y:n}=this.#g;
this.#i.style.setProperty("--x",String((t+.5)/g)),this.#i.style.setProperty("--y",String((n+.5)/g)),e&&(this.#r.textContent=`${t}, ${n}: ${ke[this.colorAt(t,n)]?.[0]}`)}#v(e,t){
if(!t)return this.#$(e);let n=this.#y.get(e)??{element:this.#C(e)};this.#y.set(e,n),n.element.style.setProperty("--x",String(St(t.x/g))),n.element.style.setProperty(
"--y",String(St(t.y/g))),n.element.classList.toggle("right",t.x>g*.72),clearTimeout(n.timer),n.timer=setTimeout(()=>this.#$(e),Rn)}#C(e){let{name:t}=N(this.#e,e),
s=d("#pointer-shape").content.firstElementChild.cloneNode(!0);return s.style.setProperty("--hue",String(q(t))),s.querySelector(".pointer-name").textContent=t,this.#s.
append(s),s}#$(e){let t=this.#y.get(e);t&&(clearTimeout(t.timer),t.element.remove(),this.#y.delete(e))}#F(){let e=d("#palette");ke.forEach(([t,n,s],r)=>{let o=document.
createElement("label");o.className="swatch",o.title=t;let a=document.createElement("input");Object.assign(a,{type:"radio",name:"color",value:String(r),checked:r===
this.#m}),a.setAttribute("aria-label",t),a.addEventListener("change",()=>this.#m=r);let c=document.createElement("span");c.style.setProperty("--light",n),c.style.
setProperty("--dark",s),o.append(a,c),e.append(o)});for(let t of document.querySelectorAll("input[name=brush]"))t.addEventListener("change",()=>this.#f=Number(t.
value))}},St=i=>Math.min(1,Math.max(0,Number(i)||0));var Xe=40,Fn=1e3,$n=[["up","To the edge"],["edge","Edge"],["bus","Bus"],["mailbox","Mailbox"],["handler","Handler"],["journal","Disk"],["fanout","Fan-out"],["do\
wn","Back to you"]],Te=class{#e=[];#n=Number.NEGATIVE_INFINITY;#t=Object.fromEntries(["rtt","up","down","edge","state"].map(e=>[e,d(`#hop-${e}`)]));#s=d("#curve\
 .curve-line");#i=d("#curve .curve-area");#r=d("#trace-bar");#o=d("#trace-legend");#a=d("#trace-total");#c=d("#rail");ping({roundTrip:e,up:t,down:n,edge:s,state:r}){
let o={rtt:e,up:t,down:n,edge:s,state:r};for(let[a,c]of Object.entries(o))this.#t[a].textContent=z(c/1e3);this.#e.push(e/1e3),this.#e.length>Xe&&this.#e.shift(),
this.#l(),this.#c.classList.remove("beat"),this.#c.offsetWidth,this.#c.classList.add("beat")}away(){for(let e of Object.values(this.#t))e.textContent="\u2013"}wantsTrace(){
let e=performance.now();return e-this.#n<Fn?!1:(this.#n=e,!0)}trace(e){let t=$n.map(([r,o])=>({key:r,name:o,ms:(e[r]??0)/1e3})).filter(({ms:r})=>r>0),n=t.reduce(
(r,{ms:o})=>r+o,0);this.#a.textContent=z(n);let s=(r,o)=>{let a=document.createElement(r);return a.className=`part ${o}`,a};this.#r.replaceChildren(...t.map(({key:r,
ms:o})=>{let a=s("span",r);return a.style.flexGrow=String(Math.max(o/n,.015)),a})),this.#o.replaceChildren(...t.map(({key:r,name:o,ms:a})=>{let c=s("li",r);return c.
textContent=`${o} ${z(a)}`,c}))}#l(){let e=Math.max(4,...this.#e)*1.15,t=s=>(Xe-this.#e.length+s)/(Xe-1)*100,n=this.#e.map((s,r)=>`${t(r).toFixed(2)},${(28-s/e*
26).toFixed(2)}`);this.#s.setAttribute("points",n.join(" ")),this.#i.setAttribute("points",`${t(0).toFixed(2)},28 ${n.join(" ")} 100,28`)}};function z(i){return Number.
isFinite(i)?i<.1?`${Math.round(i*1e3)} \xB5s`:i<10?`${i.toFixed(1)} ms`:`${Math.round(i)} ms`:"\u2013"}var V=class{static every=250;sent=0;received=0;state="live";#e;#n=[];constructor(e){this.#e=e}tick(e){let{sent:t,received:n,state:s}=this;this.#n.push({sent:t,received:n,
waiting:e,state:s}),this.#n.length>240&&this.#n.shift(),this.sent=this.received=0,this.#e.offsetParent&&!document.hidden&&this.#t()}#t(){let e=this.#e,t=devicePixelRatio,
[n,s]=[Math.round(e.clientWidth*t),Math.round(e.clientHeight*t)];(e.width!==n||e.height!==s)&&([e.width,e.height]=[n,s]);let r=e.getContext("2d");if(!r)return;let o=getComputedStyle(
e),a=u=>o.getPropertyValue(`--${u}`);r.clearRect(0,0,n,s);let[c,l]=[n/240,Math.round(s/2)],h=u=>Math.min(1,Math.log2(1+u)/9)*(l-t),f=240-this.#n.length;this.#n.
forEach((u,w)=>{let E=Math.floor((f+w)*c),Y=Math.floor((f+w+1)*c)-E,X=(qt,Bt,Qt)=>{r.fillStyle=qt,r.fillRect(E,Bt,Y,Qt)};u.state!=="live"&&(r.globalAlpha=u.state===
"cut"?.22:.12,X(a("bad"),0,s),r.globalAlpha=1),u.waiting>0&&(r.globalAlpha=.35,X(a("warn"),l-h(u.waiting),h(u.waiting)),r.globalAlpha=1),X(a("accent"),l-h(u.sent),
h(u.sent)),X(a("came"),l+t,h(u.received))}),r.fillStyle=a("strong"),r.fillRect(0,l,n,t)}};var Se=class{#e=new Map;#n=new V(d("#tape"));#t=Object.fromEntries(["sent","stored","refused","waiting","events","missing","revs"].map(e=>[e,d(`#ledger-${e}`)]));#s=d(
"#ledger");#i=0;#r=0;#o=0;#a=!1;constructor(){setInterval(()=>this.#n.tick(this.waiting),V.every)}get waiting(){return this.#i-this.#r-this.#o}get events(){return this.#c(
"events")}get missing(){return this.#c("missing")}follow(e){return this.#i++,this.#n.sent++,this.#l(),e.then(()=>this.#r++,t=>{this.#o++,t instanceof x&&console.
info("nobody knows whether a command was done",t)}).then(()=>this.#l()),e}watch(e,t){let n={rev:-1,events:0,missing:0,states:0};this.#e.set(e,n),t.updates.subscribe(
s=>{if(s.type==="state")n.rev=s.rev,n.states++;else{let{rev:r}=s.event;n.events++,n.missing+=Math.abs(r-n.rev-1),n.rev=r,this.#n.received++}this.#l()})}away(e,t){
this.#n.state=t?"cut":e?"away":"live"}#c(e){return[...this.#e.values()].reduce((t,n)=>t+n[e],0)}#l(){this.#a||(this.#a=!0,requestAnimationFrame(()=>{this.#a=!1;
let e={sent:this.#i,stored:this.#r,refused:this.#o,waiting:this.waiting,events:this.events,missing:this.missing};for(let[t,n]of Object.entries(e)){let s=this.#t[t];
s.textContent=n.toLocaleString()}this.#s.dataset.waiting=String(this.waiting>0),this.#s.dataset.missing=String(this.missing>0),this.#t.revs.textContent=[...this.#e].
map(([t,n])=>`${t} ${Math.max(n.rev,0).toLocaleString()}`).join(" \xB7 ")}))}};var Ee=class{#e=new AbortController;fetch;WebSocket;constructor(){let e=()=>this.#e.signal;this.fetch=(t,n={})=>fetch(t,{...n,signal:AbortSignal.any([e(),...n.signal?
[n.signal]:[]])}),this.WebSocket=class extends Ze{constructor(t,n){super(t,n,e())}}}get isCut(){return this.#e.signal.aborted}cut(){this.#e.abort(new TypeError(
"the network is cut"))}mend(){this.isCut&&(this.#e=new AbortController)}},Ze=class{onopen=null;onmessage=null;onclose=null;onerror=null;#e;constructor(e,t,n){let s=(c,l)=>c?.
call(this,l),r=()=>s(this.onclose,{code:1006,reason:"the network is cut"});if(n.aborted){queueMicrotask(r);return}let o=new WebSocket(e,t);this.#e=o;let a=()=>{
o.onopen=o.onmessage=o.onclose=o.onerror=null,o.close(),r()};n.addEventListener("abort",a,{once:!0}),o.onopen=c=>s(this.onopen,c),o.onmessage=c=>s(this.onmessage,
c),o.onerror=c=>s(this.onerror,c),o.onclose=c=>{n.removeEventListener("abort",a),s(this.onclose,c)}}get bufferedAmount(){return this.#e?.bufferedAmount??0}get protocol(){
return this.#e?.protocol??""}send(e){this.#e?.send(e)}close(e){this.#e?.close(e)}};var Nn=700,Ce=class{#e=d("#nodes");#n;constructor(e){this.#n=e,this.#t()}async#t(){for(;;){if(!document.hidden){let e=await fetch("/demo/nodes",{cache:"no-store"}).
catch(()=>{}),t=e?.ok?(await e.json()).nodes:void 0;if(t?.length===0)return;t&&this.#s(t)}await new Promise(e=>setTimeout(e,Nn))}}#s(e){this.#e.hidden=!1;let t=d(
"#nodes-list");for(let n of e){let s=t.querySelector(`[data-node="${CSS.escape(n.name)}"]`);s||(s=this.#i(n.name),t.append(s)),s.dataset.up=String(n.up),s.querySelector(
".node-leads").textContent=n.up?`${n.leads} partitions`:"gone";let r=s.querySelector("button");r.textContent=n.up?"Kill":"Start",r.setAttribute("aria-label",`${r.
textContent} ${n.name}`)}}#i(e){let t=document.createElement("li");t.dataset.node=e,t.className="node";let n=document.createElement("span");n.className="dot";let s=document.
createElement("b");s.textContent=e;let r=document.createElement("span");r.className="node-leads";let o=document.createElement("button");return o.type="button",o.
className="cut",o.addEventListener("click",()=>this.#r(e,t.dataset.up==="true"?"kill":"start",o)),t.append(n,s,r,o),t}async#r(e,t,n){n.disabled=!0;let s=await fetch(
`/demo/nodes/${encodeURIComponent(e)}/${t}`,{method:"POST"}).catch(()=>{});n.disabled=!1,s?.ok||this.#n(`Node ${e} could not be ${t==="kill"?"killed":"started"}\
.`)}};var et=/[\ud800-\udfff]/;function y(i){if(!et.test(i))return i.length;let e=0;for(let t of i)e++;return e}function $(i,e,t=0){if(!et.test(i))return Math.min(t+e,
i.length);let n=t;for(;e>0&&n<i.length;e--)n+=i.codePointAt(n)>65535?2:1;return n}function Le(i,e){return y(i.slice(0,e))}function p(i,e){if(e===0||e==="")return;
let t=i.at(-1);typeof e=="string"?typeof t=="string"?i[i.length-1]=t+e:Et(t)&&typeof i.at(-2)=="string"?i[i.length-2]+=e:Et(t)?i.splice(-1,0,e):i.push(e):typeof t==
"number"&&t>0==e>0?i[i.length-1]=t+e:i.push(e)}var Et=i=>typeof i=="number"&&i<0,tt=i=>typeof i=="number"&&i>0;function H(i){return i.every(tt)}function I(i,e){
let t=!et.test(i),n="",s=0;for(let r of e)if(typeof r=="string")n+=r;else{let o=t?s+Math.abs(r):$(i,Math.abs(r),s);r>0&&(n+=i.slice(s,o)),s=o}return n+i.slice(s)}
function Me(i){let e=0,t=i[0],n=()=>t=i[++e];return{get insert(){return typeof t=="string"?t:void 0},get done(){return t===void 0},get kept(){return tt(t)},get left(){
return t===void 0?1/0:typeof t=="string"?y(t):Math.abs(t)},skip:n,take(s){if(t===void 0)return s;if(typeof t=="string"){let o=$(t,s),a=t.slice(0,o);return t=t.slice(
o),t===""&&n(),a}let r=t>0?s:-s;return t-=r,t===0&&n(),r}}}function j(i,e){let t=[],[n,s]=[Me(i),Me(e)];for(;!n.done||!s.done;)if(n.left!==1/0&&!n.kept&&n.insert===
void 0)p(t,n.take(n.left));else if(s.insert!==void 0)p(t,s.insert),s.skip();else{let r=Math.min(n.left,s.left),o=s.done||s.kept,a=n.take(r);s.take(r),o?p(t,a):typeof a==
"number"&&p(t,-r)}return t}function B(i,e){let[t,n]=[[],[]],[s,r]=[Me(i),Me(e)];for(;!s.done||!r.done;)if(s.insert!==void 0)p(t,s.insert),p(n,y(s.insert)),s.skip();else if(r.
insert!==void 0)p(t,y(r.insert)),p(n,r.insert),r.skip();else{let o=Math.min(s.left,r.left),[a,c]=[s.take(o),r.take(o)];a>0&&c>0?(p(t,o),p(n,o)):c>0?p(t,-o):a>0&&
p(n,-o)}return[t,n]}function Ae(i,e){let t=0,n=0;for(let s of i)if(typeof s=="string"){if(t>=e)break;n+=y(s)}else{if(e<=t+Math.abs(s))return s>0?n+e-t:n;t+=Math.
abs(s),s>0&&(n+=s)}return n+e-t}function nt(i,e){let t=[],n=0;for(let s of i)if(typeof s=="string")p(t,-y(s));else{let r=$(e,Math.abs(s),n);p(t,s>0?s:e.slice(n,
r)),n=r}return t}function Ct(i){return i.reduce((e,[t,n,s])=>{let r=[];return p(r,t),p(r,s),p(r,-n),j(e,r)},[])}function Mt(i){let e=[],t=0,n=null;for(let s of i){
if(tt(s)){t+=s,n=null;continue}n||e.push(n=[t,0,""]),typeof s=="string"?(n[2]+=s,t+=y(s)):n[1]-=s}return e}function G(i,e){let t=Math.min(i.length,e.length),n=0;
for(;n<t&&i.charCodeAt(n)===e.charCodeAt(n);)n++;n>0&&Hn(i.charCodeAt(n-1))&&n--;let s=0;for(;s<t-n&&i.charCodeAt(i.length-1-s)===e.charCodeAt(e.length-1-s);)s++;
s>0&&In(i.charCodeAt(i.length-s))&&s--;let r=[];return p(r,Le(i,n)),p(r,e.slice(n,e.length-s)),p(r,-y(i.slice(n,i.length-s))),r}var Hn=i=>i>=55296&&i<=56319,In=i=>i>=
56320&&i<=57343;var jn=1e5,Pe=class{#e;#n;#t;#s=new Map;#i="";#r=document.createElement("div");#o=!1;constructor(e,t,n){this.#e=e,this.#n=t,this.#t=n,this.#r.className="pad-mir\
ror",this.#r.setAttribute("aria-hidden","true"),e.parentElement?.append(this.#r),e.addEventListener("scroll",()=>this.#l()),new ResizeObserver(()=>this.#l()).observe(
e)}put(e,t,n){this.#i=n,t<0?this.#c(e):this.#a(e).at=t,this.#l()}edited(e,t,n){this.#i=n;for(let s of this.#s.values())s.at=Ae(t,s.at);e&&(this.#a(e).at=Dn(t)),
this.#l()}keep(e){for(let t of this.#s.keys())e(t)||this.#c(t)}#a(e){let t=this.#s.get(e);if(!t){let{name:s}=this.#t(e),r=document.createElement("span");r.className=
"caret",r.style.setProperty("--hue",String(q(s))),r.dataset.name=s,this.#n.append(r),this.#s.set(e,t={at:0,element:r})}t.element.classList.remove("still"),clearTimeout(
t.timer);let{element:n}=t;return t.timer=setTimeout(()=>n.classList.add("still"),2500),t}#c(e){let t=this.#s.get(e);clearTimeout(t?.timer),t?.element.remove(),this.#s.
delete(e)}#l(){this.#o||this.#s.size===0||(this.#o=!0,requestAnimationFrame(()=>{this.#o=!1,this.#d()}))}#d(){let e=this.#i.length>jn;if(this.#n.hidden=e,e)return;
this.#r.style.width=`${this.#e.clientWidth}px`,this.#r.textContent=`${this.#i.replaceAll("\r","\u240D")}\u200B`;let t=this.#r.getBoundingClientRect(),n=document.
createRange(),s=this.#r.firstChild;for(let{at:r,element:o}of this.#s.values()){let a=Math.min($(this.#i,r),this.#i.length);n.setStart(s,a),n.setEnd(s,a+1);let c=[
...n.getClientRects()].at(this.#i[a]===`
`?0:-1)??t,l=c.top-t.top-this.#e.scrollTop;o.hidden=l<-4||l>this.#e.clientHeight-8,o.style.transform=`translate(${c.left-t.left}px, ${l}px)`,o.style.height=`${c.
height||20}px`}}};function Dn(i){let e=0,t=0;for(let n of i)typeof n=="string"?t=e+=y(n):n>0?e+=n:t=e;return t}var Wn=48e3,Lt=32,Oe=class{text="";#e="";#n=null;#t=null;get pending(){return this.#n!==null||this.#t!==null}get waiting(){return this.#n!==null}edit(e){H(e)||(this.
text=I(this.text,e),this.#t=this.#t?j(this.#t,e):e)}take(){if(this.#n||!this.#t)return null;let[e,t]=_n(this.#t);return this.#t=H(t)?null:t,H(e)?null:(this.#n=e,
Mt(e))}agreed(){this.#n&&(this.#e=I(this.#e,this.#n)),this.#n=null}refused(){this.#t=this.#n&&this.#t?j(this.#n,this.#t):this.#n??this.#t,this.#n=null}theirs(e){
this.#e=I(this.#e,e);let t=e;return this.#n&&([t,this.#n]=B(t,this.#n)),this.#t&&([t,this.#t]=B(t,this.#t)),this.text=I(this.text,t),t}restart(e){return this.theirs(
G(this.#e,e))}giveUp(){let e=G(this.text,this.#e);return this.text=this.#e,this.#n=this.#t=null,e}};function _n(i){let e=[],t=[],n=Wn;for(let s of i){let r=n<=0;
if(typeof s=="string"){let o=r?"":Un(s,n);D(e,o),D(t,y(o)),D(t,s.slice(o.length)),n=o===s?n-At(o)-Lt:0}else s>0?(D(e,s),D(t,s)):(D(e,r?-s:s),D(t,r?s:0),n-=Lt)}return[
e,t]}function D(i,e){e!==0&&e!==""&&i.push(e)}function Un(i,e){let t=Math.min(i.length,e);for(;t>1&&At(i.slice(0,t))>e;)t=Math.floor(t*.8);return(i.codePointAt(
t-1)??0)>65535?i.slice(0,t+1):i.slice(0,t)}var qn=new TextEncoder,At=i=>qn.encode(JSON.stringify(i)).length;var Pt=500,Bn=120,Qn=800,Kn=300,Jn=2e4,Re=class{#e;#n;#t=d("#pad-text");#s=d("#pad-status");#i=d("#pad-size");#r;#o=new Oe;#a=0;#c="";#l=null;#d="";#h=null;#u=0;#m=!1;#f=[];#p=[];#w=0;#y=0;#g=0;constructor(e,t){
this.#e=e,this.#n=t,this.#r=new Pe(this.#t,d("#carets"),n=>N(e,n)),this.#T(),e.updates.subscribe(n=>n.type==="state"?this.#k(n.state.text,n.rev):this.#O(n.event)),
e.messages.subscribe(({name:n,by:s,data:r})=>n==="caret"&&s&&this.#r.put(s,r?.at??-1,this.#o.text)),e.members.subscribe(({list:n})=>this.#r.keep(s=>n.has(s))),e.
status.subscribe(()=>{this.#b(),this.#F()})}get pending(){return this.#o.pending}#k(e,t){this.#l={text:e,rev:t,events:[]},this.#o.waiting||this.#x()}#O(e){let t=e.
mine&&JSON.stringify(e.data.patches)===this.#c;if(this.#l&&!t)return void this.#l.events.push(e);this.#l&&this.#x(),this.#a=e.rev;let n=Ct(e.data.patches);if(t)
this.#o.agreed(),this.#c="";else{let s=this.#M(()=>this.#o.theirs(n));this.#C(s),this.#r.edited(e.by??"",s,this.#o.text)}this.#b(),this.#F()}#x(){if(!this.#l)return;
let{text:e,rev:t,events:n}=this.#l;this.#l=null,this.#a=t,this.#C(this.#M(()=>this.#o.restart(e)));for(let s of n)this.#O(s);this.#b(),this.#F()}#b(){if(this.#l||
U(this.#e.status.value)!=="live")return;let e=this.#o.take();if(!e)return;let t=this.#a,n=JSON.stringify(e);this.#c=n,this.#n.follow(this.#e.send("edit",{patches:e},
{expect:t,trace:this.#n.wantsTrace()})).then(()=>{this.#c===n&&(this.#o.agreed(),this.#c=""),this.#S(0)},s=>this.#R(s,t))}#R(e,t){if(this.#e.status.value.phase!==
"closed")switch(this.#c="",e instanceof k?e.code:e instanceof x?"unknown":""){case"conflict":return this.#o.refused(),this.#S(this.#a===t&&!this.#l?Pt:0);case"o\
verloaded":case"unavailable":case"rate_limited":case"internal":return this.#o.refused(),this.#S(Pt);case"forgotten":case"unknown":return this.#o.refused(),this.#S(
0);default:this.#M(()=>this.#o.giveUp()),this.#f=[],this.#p=[],this.#n.notify(`The pad refused the edit: ${e.message}`),this.#S(0)}}#S(e){if(this.#l)return this.#x();
e>0?setTimeout(()=>this.#b(),e):this.#b(),this.#F()}#M(e){let t=e();if(H(t))return t;this.#h=this.#h?j(this.#h,t):t;let n=this.#o.text.length<Jn?0:this.#o.text.
length/2e3;return n===0?this.#E():this.#u||=setTimeout(()=>this.#E(),n),t}#E(){if(clearTimeout(this.#u),this.#u=0,!this.#h||this.#m)return;let e=this.#t,[t,n,s]=[
this.#h,this.#d,this.#o.text],r=h=>$(s,Ae(t,Le(n,h))),[o,a,c,l]=[r(e.selectionStart),r(e.selectionEnd),e.selectionDirection,e.scrollTop];e.value=st(s),document.
activeElement===e&&e.setSelectionRange(o,a,c),e.scrollTop=l,this.#d=s,this.#h=null}#T(){let e=this.#t;e.addEventListener("input",t=>!t.isComposing&&this.#L()),e.
addEventListener("compositionstart",()=>this.#m=!0),e.addEventListener("compositionend",()=>{this.#m=!1,this.#L(),this.#E()}),e.addEventListener("keydown",t=>{if(!(t.
ctrlKey||t.metaKey)||t.altKey)return;let n=t.key.toLowerCase();(n==="z"||n==="y")&&(t.preventDefault(),this.#v(n==="y"||t.shiftKey))}),e.addEventListener("befor\
einput",t=>{t.inputType!=="historyUndo"&&t.inputType!=="historyRedo"||(t.preventDefault(),this.#v(t.inputType==="historyRedo"))}),document.addEventListener("sel\
ectionchange",()=>document.activeElement===e&&this.#$()),e.addEventListener("blur",()=>this.#e.signal("caret",null))}#L(){let e=this.#t;if(!zn(e.value)){let n=e.
selectionStart;e.value=e.value.toWellFormed(),e.setSelectionRange(n,n)}let t=G(st(this.#d),e.value);H(t)||(this.#d=I(this.#d,t),this.#h&&([this.#h,t]=B(this.#h,
t)),this.#P(nt(t,this.#o.text)),this.#p=[],this.#A(t))}#A(e){this.#o.edit(e),this.#r.edited("",e,this.#o.text),this.#b(),this.#F()}#P(e){let t=performance.now(),
n=t-this.#w<Qn&&this.#f.length>0;this.#w=t,n?this.#f.push(j(e,this.#f.pop()??[])):this.#f.push(e),this.#f.length>Kn&&this.#f.shift()}#v(e){if(this.#m)return;let t=(e?
this.#p:this.#f).pop();if(!t)return;this.#E(),(e?this.#f:this.#p).push(nt(t,this.#o.text)),this.#w=0,this.#A(t),this.#d=this.#o.text,this.#t.value=st(this.#d);let n=$(
this.#o.text,Vn(t));this.#t.setSelectionRange(n,n)}#C(e){for(let t of[this.#f,this.#p]){let n=e;for(let s=t.length-1;s>=0;s--)[n,t[s]]=B(n,t[s])}}#$(){clearTimeout(
this.#g);let e=this.#y+Bn-performance.now();if(e>0)return void(this.#g=setTimeout(()=>this.#$(),e));this.#y=performance.now(),!this.#o.pending&&!this.#h&&this.#e.
signal("caret",{at:Le(this.#o.text,this.#t.selectionEnd)})}#F(){let e=U(this.#e.status.value)!=="live",[t,n]=this.#o.pending?e?["kept","Kept here until you are \
back"]:["sending","Saving"]:["saved","Saved"];this.#s.dataset.state=t,this.#s.textContent!==n&&(this.#s.textContent=n);let s=y(this.#o.text);this.#i.textContent=
`${s.toLocaleString()} ${s===1?"character":"characters"}`}},st=i=>i.replaceAll("\r","\u240D"),zn=i=>i.isWellFormed?.()??!0;function Vn(i){let e=0,t=0;for(let n of i){
if(typeof n=="string")e+=y(n);else if(n>0){e+=n;continue}t=e}return t}var Gn=100,Ot=2e3,Yn=2e3,Xn=3500,Zn=new Intl.DateTimeFormat(void 0,{hour:"2-digit",minute:"2-digit"}),Fe=class{#e;#n;#t;#s=d("#lines");#i=d("#chat-scroll");#r=d(
"#line-count");#o=d("#typing");#a=d("#newer");#c=d("#say-left");#l=d("#say");#d=d("#text");#h=d("#say button[name=send]");#u=new Map;#m=new Map;#f=0;#p=0;#w=null;#y=!0;constructor(e,t,n){
this.#e=e,this.#t=t,this.#n=n,this.#l.addEventListener("submit",s=>{s.preventDefault(),this.#R()}),this.#d.addEventListener("keydown",s=>{s.key!=="Enter"||s.shiftKey||
s.isComposing||(s.preventDefault(),this.#R())}),this.#d.addEventListener("input",()=>this.#E()),this.#a.addEventListener("click",()=>this.#C()),this.#i.addEventListener(
"scroll",()=>{this.#y=this.#v(),this.#y&&(this.#a.hidden=!0)}),new ResizeObserver(()=>this.#y&&this.#C()).observe(this.#i),e.updates.subscribe(s=>s.type==="stat\
e"?this.#g(s.state):this.#k(s.event)),e.messages.subscribe(({name:s,by:r})=>s==="typing"&&r&&this.#T(r))}#g(e){let t=[...this.#u.keys()];this.#s.setAttribute("a\
ria-busy","true"),this.#s.replaceChildren(),this.#w=null;for(let n of e.lines??[])this.#x(n,null);this.#s.append(...t),this.#s.removeAttribute("aria-busy"),this.#P(
e.count),this.#C()}#k({data:e,at:t,by:n,mine:s}){for(s&&this.#O(e.text),this.#x(e,t,this.#u.keys().next().value);this.#s.children.length>Gn+this.#u.size;)this.#s.
firstElementChild?.remove();this.#P(this.#p+1),n&&this.#L(n),this.#y||s?this.#C():this.#a.hidden=!1}#O(e){for(let[t,n]of this.#u)if(n===e)return this.#u.delete(
t),t.remove()}#x({who:e,text:t},n,s=null){let r=this.#b(e,t,n,e===this.#w);this.#w=e,this.#s.insertBefore(r,s)}#b(e,t,n,s){let r=document.createElement("li");r.
className="line",r.classList.toggle("own",e===this.#t.sub()),r.classList.toggle("again",s);let o=ve({name:e}),a=document.createElement("span");a.className="line\
-who",a.textContent=e;let c=document.createElement("span");if(c.className="line-text",c.textContent=t,n){let l=document.createElement("time"),h=new Date(n);l.dateTime=
h.toISOString(),l.textContent=Zn.format(h),a.append(l),c.title=h.toLocaleString()}return r.append(o,a,c),r}#R(){let e=this.#d.value.trim().toWellFormed?.()??this.#d.
value.trim();!e||[...e].length>Ot||(this.#d.value="",this.#E(),this.#f=0,this.#S(e))}#S(e){let t=this.#n.follow(this.#e.send("say",{text:e},{trace:this.#n.wantsTrace()})),
n=this.#b(this.#t.sub(),e,null,!1);n.classList.add("waiting"),this.#u.set(n,e),this.#s.append(n),this.#C(),t.then(()=>{this.#u.delete(n)&&n.remove()},s=>{this.#u.
delete(n),this.#M(n,e,s)})}#M(e,t,n){e.classList.replace("waiting","failed");let s=document.createElement("button");s.type="button",s.className="again-button",s.
textContent="Not sent. Try again",s.title=n.message,s.addEventListener("click",()=>{e.remove(),this.#S(t)}),e.append(s)}#E(){let e=Ot-[...this.#d.value.trim()].
length;this.#c.textContent=e<200?String(e):"",this.#c.classList.toggle("over",e<0),this.#h.disabled=this.#d.value.trim()===""||e<0,this.#d.style.height="auto",this.#d.
style.height=`${Math.min(this.#d.scrollHeight,140)}px`;let t=Date.now();this.#d.value&&t-this.#f>Yn&&(this.#f=t,this.#e.signal("typing",{}))}#T(e){clearTimeout(
this.#m.get(e)),this.#m.set(e,setTimeout(()=>this.#L(e),Xn)),this.#A()}#L(e){clearTimeout(this.#m.get(e)),this.#m.delete(e)&&this.#A()}#A(){let e=[...this.#m.keys()].
map(n=>N(this.#e,n).name),t=e.length>2?`${e.length} people are`:e.length===2?`${e.join(" and ")} are`:e.length===1?`${e[0]} is`:"";this.#o.textContent=t&&`${t} \
typing`,this.#o.classList.toggle("on",t!=="")}#P(e){this.#p=e,this.#r.textContent=`${e.toLocaleString()} ${e===1?"line":"lines"}`}#v(){let e=this.#i;return e.scrollHeight-
e.scrollTop-e.clientHeight<60}#C(){this.#y=!0,this.#i.scrollTop=this.#i.scrollHeight,this.#a.hidden=!0}};var $e=class{#e=new BroadcastChannel("tutti.streams");constructor(e){this.#e.onmessage=e}take(){this.#e.postMessage("taken")}};var it=6e3,Ie=new URLSearchParams(location.search).get("room")||"lobby",A=new Ee,je=await Tt(A.fetch),Ne=new Te,L=new Se,Rt=0,P={follow(i){return L.follow(i).then(
({trace:e})=>e&&Ne.trace(e),()=>{}).finally(He),He(),i},wantsTrace:()=>Ne.wantsTrace(),notify(i){let e=d("#notice");e.textContent=i,e.classList.add("on"),clearTimeout(
Rt),Rt=setTimeout(()=>e.classList.remove("on"),6e3)}},T=[];function De(i,e={}){let t=Ve(Ge(location.origin,i,Ie),{token:je.token,storage:sessionStorage,fetch:A.
fetch,WebSocket:A.WebSocket,backoff:{min:250,max:8e3},queue:{commands:2e4,bytes:8388608},pingEvery:1e4,...e});return L.watch(i,t),t.status.subscribe(He),T.push(
t),t}var lt=De("board",{presence:!0,pingEvery:2e3}),$t=De("room",{presence:!0}),Nt=De("pad",{presence:!0}),Ht=De("counter",{apply:{events:{added:(i,{by:e})=>({n:i.
n+e})}}});je.leaving=()=>Promise.all(T.map(i=>i.leave()));var es=new xe(lt,P);new Fe($t,je,P);var It=new Re(Nt,P);new we($t,je);new Ce(P.notify);document.addEventListener(
"theme",()=>es.recolor());lt.latency.subscribe(i=>i&&(Ne.ping(i),He()));Ht.state.subscribe(i=>d("#applause-count").textContent=(i?.n??0).toLocaleString());d("#a\
pplause").addEventListener("click",i=>{P.follow(Ht.send("add",{by:1},{predict:({n:t})=>({n:t+1})})).catch(()=>{});let e=i.currentTarget;e.classList.remove("clap"),
e.offsetWidth,e.classList.add("clap")});var jt={websocket:"WebSocket",sse:"SSE",longpoll:"Long poll"},rt=d("#cut"),Ft=0,ot=[...document.querySelectorAll("input[\
name=transport]")],dt=i=>i==="sse"||i==="longpoll";function at(i){sessionStorage.setItem("tutti.line",i),dt(i)&&ts.take();let e=i in jt?[i]:[];for(let t of T)t.
use(...e)}var ts=new $e(()=>{if(ot.some(i=>i.checked&&dt(i.value))){for(let i of ot)i.checked=i.value==="auto";at("auto"),Dt(()=>P.notify("Another tab of this b\
rowser has taken SSE or long polls: HTTP/1.1 has connections for one. This one went back to Auto."))}});function Dt(i){document.visibilityState==="visible"?i():
document.addEventListener("visibilitychange",()=>Dt(i),{once:!0})}for(let i of ot)i.checked=i.value===(sessionStorage.getItem("tutti.line")??"auto"),i.checked&&
i.value!=="auto"&&at(i.value),i.addEventListener("change",()=>at(i.value));rt.addEventListener("click",async()=>{if(A.isCut)return;let i={events:L.events};A.cut(),
Ft=Date.now()+it,rt.disabled=!0;for(let s=it;s>0;s=Ft-Date.now())d("#cut-word").textContent=`Cut for ${Math.ceil(s/1e3)} s more`,await new Promise(r=>setTimeout(
r,Math.min(s,250)));let e=L.waiting;A.mend();for(let s of T)s.wake();rt.disabled=!1,d("#cut-word").textContent="Cut the network for 6 s",await ns();let t=L.events-
i.events,n=`${e.toLocaleString()} ${e===1?"change":"changes"} of yours kept and stored`;P.notify(`Back after ${it/1e3} s: ${n}, ${t.toLocaleString()} ${t===1?"e\
vent":"events"} caught up, ${L.missing} missing.`)});async function ns(){for(;L.waiting>0||T.some(i=>U(i.status.value)!=="live");)await new Promise(i=>setTimeout(
i,50))}var ss={live:"Live",recovering:"Recovering",connecting:"Connecting",away:"Away",ended:"Ended"},ct=!1;function He(){ct||(ct=!0,requestAnimationFrame(Wt))}
function Wt(){ct=!1;let i=bt.findLast(s=>T.some(r=>U(r.status.value)===s))??"connecting",e=d("#link-state");e.dataset.state!==i&&(e.dataset.state=i,d("#link-wor\
d").textContent=ss[i],i==="away"&&Ne.away());let t=(lt.latency.value?.roundTrip??Number.NaN)/1e3;d("#link-ms").textContent=i==="live"?z(t):"",document.documentElement.
dataset.link=i,L.away(i==="away"||i==="ended",A.isCut);let n=[...new Set(T.map(s=>s.status.value.transport))].map(s=>s?jt[s]:"\u2013");d("#over").textContent=i===
"live"?`over ${n.join(", ")}`:"",is(i)}function is(i){let e=i==="away"||i==="ended"||i==="recovering";if(d("#banner").hidden=!e,!e)return;let t=L.waiting+(It.pending&&
Nt.unanswered===0?1:0),n=t>0?`${t.toLocaleString()} ${t===1?"change is":"changes are"} kept and will be sent.`:"What you do now is kept and will be sent.",[s,r]=d(
"#banner-text").parentElement?[d("#banner-text"),d("#banner-button")]:[];if(!(!s||!r)){if(i==="ended"){let o=T.find(c=>c.status.value.phase==="closed")?.status.
value.error,a=o instanceof v&&o.code==="replaced";s.textContent=a?"This tab was opened somewhere else.":`The connection has ended: ${o?.message??"it was closed"}\
.`,r.textContent="Come back"}else if(i==="recovering")s.textContent=`The entity is moving to another node. ${n}`;else if(A.isCut)s.textContent=`The network is c\
ut. ${n}`;else{let o=Math.max(...T.map(l=>l.status.value.retryAt??0)),a=Math.max(0,Math.ceil((o-Date.now())/1e3)),c=T.some(l=>dt(l.status.value.transport??""))?
"Other tabs of this browser may hold its connections. ":"";s.textContent=`Connection lost. ${a>0?`Trying again in ${a} s.`:"Trying again."} ${c}${n}`,r.textContent=
"Try now"}r.hidden=i==="recovering"||A.isCut}}function _t(){for(let i of T)i.wake()}d("#banner-button").addEventListener("click",()=>{T.some(i=>i.status.value.phase===
"closed")&&location.reload(),_t()});setInterval(Wt,1e3);addEventListener("beforeunload",i=>{(It.pending||L.waiting>0)&&i.preventDefault()});d("#place").textContent=
Ie;document.title=`${Ie} \xB7 Tutti`;d("#share").addEventListener("click",async()=>{let i=new URL(location.href);i.searchParams.set("room",Ie);try{await navigator.
clipboard.writeText(i.href),P.notify("Link copied. Whoever opens it is here too.")}catch{P.notify(i.href)}});var Ut=document.querySelectorAll(".tabs button");function ht(i){
document.body.dataset.panel=i;for(let e of Ut)e.setAttribute("aria-pressed",String(e.dataset.panel===i))}for(let i of Ut)i.addEventListener("click",()=>ht(i.dataset.
panel??"board"));ht("board");d("#link-state").addEventListener("click",()=>{ht("hops"),_t()});
