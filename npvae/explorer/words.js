"use strict";
// All that is said on the page. A name in braces is filled in.

const WORDS = {
  en: {
    title: "Draw, drag, watch",
    lead: "A variational autoencoder, forward and backward, in this page. Every number is computed "
      + "here as you watch, from weights trained with npvae. Drag z over the plane; draw a digit; see "
      + "where each gradient points.",
    language: "Language",
    model: "Model", autoencoder: "autoencoder", vae: "VAE", conditional_vae: "conditional VAE",
    beta: "beta, the price of a nat of code", label: "label c",
    aboutAutoencoder: "The same networks without the KL. A code is a point; q has no width, and "
      + "between the codes nobody has been.",
    aboutVae: "Trained on reconstruction + beta KL. A small beta scatters: q is narrow, codes "
      + "lie far apart, and N(0, I) draws between them. A large one collapses: every q is N(0, I), and "
      + "z says nothing.",
    aboutConditional: "Encoder and decoder are told the label. z is left with the handwriting: one z, "
      + "ten labels.",
    show: "Show", map: "decoded map", codes: "codes", density: "density",
    plane: "The latent plane",
    planeHelp: "The latent plane. Arrow keys move what is chosen below; with Shift, farther.",
    move: "Drag moves", moveZ: "z", moveMu: "μ, the mean of q", moveSigma: "σ, the width of q",
    mapKey: "What each place decodes to. Dashed: circles of N(0, I) at 1 and 2.",
    codesKey: "Means of q(z|x) of {n} test images, coloured and named by digit. Dashed: N(0, I) at 1 "
      + "and 2.",
    densityKey: "All codes together, less N(0, I): orange, more than it expects; blue, fewer. {share} "
      + "% of the probability lies elsewhere than in N(0, I).",
    ellipseKey: "Ellipses: q(z|x) at 1 and 2 σ. Ring: z. Small dots: draws.",
    pointKey: "Cross: the code of x. Ring: z, where you dragged it.",
    arrowsKey: "Arrows: where the loss falls; the bar is {per} nats per unit of z.",
    encoders: "q as the encoder says", byHand: "q moved by hand", back: "back to the encoder’s q",
    x: "x", decoded: "decoded from z", cost: "−log p(x|z) of each pixel",
    imagesTitle: "x, and p(x|z) pixel by pixel",
    pixelHint: "Point at a pixel, or move over it with the arrow keys.",
    pixel: "row {row}, column {column}: x = {x}, p(x = 1|z) = {p}, costs {cost} nats",
    xHelp: "x, the image that is encoded", decodedHelp: "The image decoded from z",
    costHelp: "What each pixel costs, in nats",
    labels: "the same z, all ten labels", labelsHelp: "The same z decoded with each of ten labels",
    padTitle: "Draw a digit, or take a test image",
    padHelp: "Draw a digit here with mouse or finger. By keyboard: take a test image beside it.",
    clear: "clear", others: "other test images", testImage: "a test image of {digit}",
    centredNote: "The encoder sees it centred, and as large as MNIST’s digits.",
    termsTitle: "The terms, in nats",
    reconstruction: "reconstruction −log p(x|z)", kl: "KL(q ‖ p)", negativeElbo: "their sum, −ELBO",
    weighted: "loss, with beta = {beta}",
    thisDraw: "this draw", meanOf: "mean of {n} draws", spreadOf: "spread of one draw",
    noDraws: "no draws yet",
    greyNote: "x has grey pixels, so the first term is a cross entropy, and a −log p(x|z) only where "
      + "x is black and white. A point has no finite KL: an autoencoder does not pay for its code.",
    noiseTitle: "eps, and z = μ + σ eps",
    noiseHelp: "The plane of the noise. Drag eps, or move it with the arrow keys.",
    noiseNote: "eps ~ N(0, I) knows nothing of x. Hold it, and move μ or σ on the latent plane: every "
      + "z moves along. That is the reparameterization.",
    pointNote: "An autoencoder draws nothing: z = μ.",
    draw: "draw one eps", rain: "let it rain", stop: "stop", forget: "forget the draws",
    gradientTitle: "The gradient’s ways back",
    of: "in", ofMu: "μ", ofSigma: "σ",
    path: "path", klWay: "KL", score: "score",
    baseline: "with a baseline: less the mean of the other draws",
    gradientHelp: "Single draws of the gradient by the path and by the score function, with their means",
    ring: "ring: {r} nats per unit of z", 
    spreads: "Spread of one draw: {path} by the path, {score} by the score: {ratio} times as far. "
      + "Both have the same mean.",
    rainFirst: "Let it rain: the means need draws.",
    gradientNote: "Arrows and dots point to where the loss falls. The path goes through z = μ + σ "
      + "eps: dμ = dz, dσ = dz eps. The KL does not go through z. Where the encoder has learned, the "
      + "two cancel in the mean. The score function needs no derivative of z; its mean is the path’s.",
    tryTitle: "What to try", tryIt: "show me",
    try1: "Drag z. The digit follows: it is decoded from two numbers, and from nothing else.",
    try2: "Let it rain, then drag σ: each draw keeps its eps, and z moves. So a gradient gets through.",
    try3: "Move q off by hand. The blue arrow (reconstruction) and the green one (KL) no longer cancel.",
    try4: "The score function without a baseline: right in the mean, and nowhere near it in one draw.",
    try5: "Autoencoder: drag z into a hole between the codes, and see what it decodes to.",
    try6: "Conditional VAE: one z, ten labels, one handwriting.",
    try7: "The largest beta: q is N(0, I) for every image, and z says nothing.",
    status: "z = ({z1}, {z2}). Reconstruction {reconstruction}, KL {kl}, −ELBO {elbo} nats.",
    footer: "Written by npvae.explorer. Nothing leaves this page, and nothing is loaded. The code is "
      + "above the weights in the source of this page: view source. MNIST: Y. LeCun, C. Cortes, C. J. "
      + "C. Burges, CC BY-SA 3.0.",
  },
  ko: {
    title: "그리기, 끌기, 지켜보기",
    lead: "변분 오토인코더의 순전파와 역전파가 이 페이지 안에서 돌아갑니다. 보이는 숫자는 모두 npvae로 학습한 가중치로 지금 여기서 계산한 것입니다. 평면 위에서 z를 "
      + "끌어 보고, 숫자를 그려 보고, 기울기가 저마다 어디를 가리키는지 보세요.",
    language: "언어",
    model: "모델", autoencoder: "오토인코더", vae: "VAE", conditional_vae: "조건부 VAE",
    beta: "beta, 잠재 코드 1나트의 값", label: "레이블 c",
    aboutAutoencoder: "신경망은 같고 KL이 없습니다. 잠재 코드는 점이고 q에는 너비가 없습니다. 잠재 코드와 잠재 코드 사이는 아무도 가 보지 않은 곳입니다.",
    aboutVae: "재구성 오차 + beta KL로 학습했습니다. beta가 작으면 흩어집니다. q가 좁고 잠재 코드가 서로 멀어서, N(0, I)에서 뽑은 z는 그 사이에 "
      + "떨어집니다. beta가 크면 붕괴합니다. 모든 q가 N(0, I)이 되고 z는 아무 정보도 담지 않습니다.",
    aboutConditional: "인코더와 디코더에 레이블을 알려 줍니다. z에는 필체만 남습니다. z 하나에 레이블 열 개입니다.",
    show: "배경", map: "디코딩한 지도", codes: "잠재 코드", density: "밀도",
    plane: "잠재 평면",
    planeHelp: "잠재 평면. 화살표 키로 아래에서 고른 것을 움직입니다. Shift를 함께 누르면 더 멀리 갑니다.",
    move: "끌면 움직이는 것", moveZ: "z", moveMu: "q의 평균 μ", moveSigma: "q의 너비 σ",
    mapKey: "자리마다 디코딩한 이미지입니다. 점선은 N(0, I)의 반지름 1과 2인 원입니다.",
    codesKey: "테스트 이미지 {n}장의 q(z|x)의 평균을 숫자마다 다른 색과 이름으로 나타냈습니다. 점선은 N(0, I)의 반지름 1과 2인 원입니다.",
    densityKey: "모든 잠재 코드를 합친 분포에서 N(0, I)을 뺐습니다. 주황은 기대보다 많은 곳, 파랑은 적은 곳입니다. 확률의 {share} %가 N(0, I)과 "
      + "다른 곳에 있습니다.",
    ellipseKey: "타원은 q(z|x)의 1σ와 2σ, 고리는 z, 작은 점은 뽑은 표본입니다.",
    pointKey: "십자는 x의 잠재 코드, 고리는 끌어다 놓은 z입니다.",
    arrowsKey: "화살표는 손실이 작아지는 쪽을 가리킵니다. 막대의 길이는 z의 단위마다 {per} 나트입니다.",
    encoders: "인코더가 말한 q", byHand: "손으로 옮긴 q", back: "인코더의 q로 돌아가기",
    x: "x", decoded: "z를 디코딩한 이미지", cost: "픽셀마다 −log p(x|z)",
    imagesTitle: "x, 그리고 픽셀마다 본 p(x|z)",
    pixelHint: "픽셀을 가리키거나, 화살표 키로 픽셀 위를 옮겨 다녀 보세요.",
    pixel: "{row}행 {column}열: x = {x}, p(x = 1|z) = {p}, {cost} 나트",
    xHelp: "인코딩하는 이미지 x", decodedHelp: "z를 디코딩한 이미지",
    costHelp: "픽셀마다 드는 나트",
    labels: "같은 z, 레이블 열 개", labelsHelp: "같은 z를 열 가지 레이블로 디코딩한 이미지",
    padTitle: "숫자를 그리거나 테스트 이미지를 고르세요",
    padHelp: "마우스나 손가락으로 숫자를 그리는 곳. 키보드로는 옆의 테스트 이미지를 고르세요.",
    clear: "지우기", others: "다른 테스트 이미지", testImage: "숫자 {digit}의 테스트 이미지",
    centredNote: "인코더에는 가운데로 옮기고 MNIST의 숫자만 한 크기로 맞추어 보여 줍니다.",
    termsTitle: "손실의 항, 단위는 나트",
    reconstruction: "재구성 오차 −log p(x|z)", kl: "KL(q ‖ p)", negativeElbo: "둘의 합, −ELBO",
    weighted: "손실, beta = {beta}",
    thisDraw: "이번 표본", meanOf: "표본 {n}개의 평균", spreadOf: "표본 하나의 표준편차", noDraws: "아직 뽑지 않음",
    greyNote: "x에는 회색 픽셀이 있으므로 첫째 항은 교차 엔트로피이고, x가 흑백일 때에만 −log p(x|z)입니다. 점의 KL은 유한하지 않습니다. 오토인코더는 "
      + "잠재 코드에 값을 치르지 않습니다.",
    noiseTitle: "eps, 그리고 z = μ + σ eps",
    noiseHelp: "잡음의 평면. eps를 끌거나 화살표 키로 움직이세요.",
    noiseNote: "eps ~ N(0, I)은 x를 전혀 모릅니다. eps를 붙잡아 두고 잠재 평면에서 μ나 σ를 움직이면 z가 모두 따라 움직입니다. 이것이 "
      + "재매개변수화입니다.",
    pointNote: "오토인코더는 아무것도 뽑지 않습니다. z = μ입니다.",
    draw: "eps 하나 뽑기", rain: "비처럼 뽑기", stop: "멈추기", forget: "뽑은 것 지우기",
    gradientTitle: "기울기가 돌아오는 길",
    of: "무엇에 대한 기울기", ofMu: "μ", ofSigma: "σ",
    path: "경로", klWay: "KL", score: "점수 함수", baseline: "기준선 쓰기: 다른 표본들의 평균을 뺍니다",
    gradientHelp: "경로와 점수 함수로 구한, 표본 하나하나의 기울기와 그 평균",
    ring: "고리: z의 단위마다 {r} 나트", 
    spreads: "표본 하나의 표준편차는 경로로 {path}, 점수 함수로 {score}, 곧 {ratio}배입니다. 평균은 둘이 같습니다.",
    rainFirst: "비처럼 뽑아 보세요. 평균을 내려면 표본이 있어야 합니다.",
    gradientNote: "화살표와 점은 손실이 작아지는 쪽을 가리킵니다. 경로는 z = μ + σ eps를 지납니다. dμ = dz이고 dσ = dz eps입니다. KL은 "
      + "z를 지나지 않습니다. 인코더가 잘 배운 곳에서는 둘이 평균적으로 상쇄됩니다. 점수 함수는 z의 도함수가 필요 없고, 평균은 경로의 평균과 같습니다.",
    tryTitle: "해 볼 것", tryIt: "보여 주기",
    try1: "z를 끌어 보세요. 숫자가 따라 바뀝니다. 이 숫자는 수 두 개만으로 디코딩한 것입니다.",
    try2: "비처럼 뽑은 다음 σ를 끌어 보세요. 표본마다 eps는 그대로이고 z가 움직입니다. 그래서 기울기가 지나갑니다.",
    try3: "q를 손으로 옮겨 보세요. 파란 화살표(재구성 오차)와 초록 화살표(KL)가 더는 상쇄되지 않습니다.",
    try4: "기준선 없는 점수 함수. 평균은 옳지만, 표본 하나는 그 평균에서 한참 벗어납니다.",
    try5: "오토인코더: 잠재 코드 사이의 빈 곳으로 z를 끌어다 놓고 무엇으로 디코딩되는지 보세요.",
    try6: "조건부 VAE: z 하나, 레이블 열 개, 필체 하나.",
    try7: "가장 큰 beta: 어느 이미지든 q가 N(0, I)이고, z는 아무 정보도 담지 않습니다.",
    status: "z = ({z1}, {z2}). 재구성 오차 {reconstruction}, KL {kl}, −ELBO {elbo} 나트.",
    footer: "npvae.explorer가 만든 페이지입니다. 아무것도 이 페이지 밖으로 나가지 않고, 아무것도 내려받지 않습니다. 소스 보기를 하면 가중치 위에 코드가 "
      + "있습니다. MNIST: Y. LeCun, C. Cortes, C. J. C. Burges, CC BY-SA 3.0.",
  },
};

let language = (navigator.language || "en").startsWith("ko") ? "ko" : "en";

function say(name, values = {}) {
  return WORDS[language][name].replace(/\{(\w+)\}/g, (_, key) => values[key]);
}
